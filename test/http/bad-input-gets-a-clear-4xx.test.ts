import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId, parsePublicId, publicId } from '../../src/domain/ids.ts';
import { encodeCursor } from '../../src/store/cursor.ts';
import { type CallOptions, startApi, type TestApi } from './support.ts';

let api: TestApi;
let acme: { id: string; key: string };
let subscriptionPath: string;

beforeAll(async () => {
  api = await startApi();
  acme = await api.partner('acme');
  await api.partner('other');
  subscriptionPath = `/v1/partners/acme/subscriptions/${(await api.subscription('acme')).id}`;
});
afterAll(() => api.close());

type Case = [promise: string, method: string, path: string, options: CallOptions, status: number, code: string];

const event = (change: object) => ({ body: { partnerId: 'acme', type: 'order.created', data: {}, ...change } });
const subscription = (change: object) => ({ body: { url: 'https://example.com/', eventTypes: ['*'], ...change } });
const YEAR_0 = '0000-01-01T00:00:00Z';
/** The year 10000, by its offset. */
const BEYOND = '9999-12-31T23:59:59-12:00';
const expiring = (more: object = {}) => ({ body: { name: 'x', expiresAt: BEYOND, ...more } });
const overlap = (overlapSeconds: number) => ({ body: { overlapSeconds } });
const secretOf = (bytes: number, prefix = 'whsec_') => `${prefix}${Buffer.alloc(bytes).toString('base64')}`;
const deep = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

const EVENTS = '/v1/events';
const PARTNERS = '/v1/partners';
const SUBSCRIPTIONS = '/v1/partners/acme/subscriptions';
const DELIVERIES = '/v1/partners/acme/deliveries';

const bodies: Case[] = [
  ['no body', 'POST', EVENTS, {}, 422, 'validation_failed'],
  ['empty object', 'POST', EVENTS, { body: {} }, 422, 'validation_failed'],
  ['array', 'POST', EVENTS, { body: [] }, 422, 'validation_failed'],
  ['null', 'POST', EVENTS, { body: null }, 422, 'validation_failed'],
  ['number for a string', 'POST', EVENTS, event({ type: 7 }), 422, 'validation_failed'],
  ['event type with spaces', 'POST', EVENTS, event({ type: 'order created' }), 422, 'validation_failed'],
  ['event type too long', 'POST', EVENTS, event({ type: 'a'.repeat(129) }), 422, 'validation_failed'],
  ['data left out', 'POST', EVENTS, { body: { partnerId: 'acme', type: 'a' } }, 422, 'validation_failed'],
  ['no time', 'POST', EVENTS, event({ timestamp: 'yesterday' }), 422, 'validation_failed'],
  ['a day that does not exist', 'POST', EVENTS, event({ timestamp: '2026-02-31T00:00:00' }), 422, 'validation_failed'],
  ['a time in the year 0', 'POST', EVENTS, event({ timestamp: '0000-01-01T00:00:00Z' }), 422, 'validation_failed'],
  ['unknown lane', 'POST', EVENTS, event({ lane: 'express' }), 422, 'validation_failed'],
  ['unknown property', 'POST', EVENTS, event({ tenant: 'x' }), 422, 'validation_failed'],
  [
    '__proto__',
    'POST',
    EVENTS,
    { raw: '{"partnerId":"acme","type":"a","data":1,"__proto__":{}}' },
    422,
    'validation_failed',
  ],
  ['unknown partner', 'POST', EVENTS, event({ partnerId: 'nobody' }), 404, 'unknown_partner'],
  ['partner id with NUL', 'POST', EVENTS, event({ partnerId: 'a\0' }), 422, 'validation_failed'],
  ['over the limit of SNS', 'POST', EVENTS, event({ data: 'x'.repeat(257 * 1024) }), 413, 'too_large'],
  ['over the limit of the route', 'POST', EVENTS, event({ data: 'x'.repeat(400 * 1024) }), 413, 'too_large'],
  ['invalid JSON', 'POST', EVENTS, { raw: '{"partnerId": "acme",}' }, 400, 'invalid_json'],
  ['half a JSON', 'POST', EVENTS, { raw: '{"partnerId' }, 400, 'invalid_json'],
  ['JSON with a BOM', 'POST', EVENTS, { raw: '\uFEFF{}' }, 400, 'invalid_json'],
  ['invalid UTF-8', 'POST', EVENTS, { raw: Buffer.from([0x22, 0xff, 0x22]) }, 400, 'invalid_utf8'],
  ['text', 'POST', EVENTS, { raw: 'x', headers: { 'content-type': 'text/plain' } }, 415, 'unsupported_media_type'],
  [
    'a form',
    'POST',
    PARTNERS,
    { raw: 'a=b', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
    415,
    'unsupported_media_type',
  ],
  ['no content type', 'POST', EVENTS, { raw: '{}', headers: { 'content-type': '' } }, 415, 'unsupported_media_type'],
  [
    'empty Idempotency-Key',
    'POST',
    EVENTS,
    { ...event({}), headers: { 'idempotency-key': '' } },
    422,
    'validation_failed',
  ],
  [
    'long Idempotency-Key',
    'POST',
    EVENTS,
    { ...event({}), headers: { 'idempotency-key': 'k'.repeat(256) } },
    422,
    'validation_failed',
  ],
  [
    'Idempotency-Key not ASCII',
    'POST',
    EVENTS,
    { ...event({}), headers: { 'idempotency-key': 'ké' } },
    422,
    'validation_failed',
  ],
  ['empty batch', 'POST', '/v1/events/batch', { body: { events: [] } }, 422, 'validation_failed'],
  ['501 events', 'POST', '/v1/events/batch', { body: { events: Array(501).fill(1) } }, 422, 'validation_failed'],
  ['batch without events', 'POST', '/v1/events/batch', { body: { data: [] } }, 422, 'validation_failed'],
  ['partner without a name', 'POST', PARTNERS, { body: { id: 'x' } }, 422, 'validation_failed'],
  ['partner id with a slash', 'POST', PARTNERS, { body: { id: 'a/b', name: 'x' } }, 422, 'validation_failed'],
  ['partner id ..', 'POST', PARTNERS, { body: { id: '..', name: 'x' } }, 422, 'validation_failed'],
  ['partner id taken', 'POST', PARTNERS, { body: { id: 'acme', name: 'x' } }, 409, 'partner_exists'],
  ['name with NUL', 'POST', PARTNERS, { body: { name: 'a\0b' } }, 422, 'invalid_characters'],
  ['metadata with NUL', 'POST', PARTNERS, { body: { name: 'x', metadata: { a: ['\0'] } } }, 422, 'invalid_characters'],
  [
    'metadata name with NUL',
    'POST',
    PARTNERS,
    { body: { name: 'x', metadata: { '\0': 1 } } },
    422,
    'invalid_characters',
  ],
  ['lone surrogate', 'POST', PARTNERS, { raw: '{"name":"x","metadata":{"a":"\\ud800"}}' }, 422, 'invalid_characters'],
  ['metadata no object', 'POST', PARTNERS, { body: { name: 'x', metadata: [] } }, 422, 'validation_failed'],
  [
    'metadata too large',
    'POST',
    PARTNERS,
    { body: { name: 'x', metadata: { a: 'x'.repeat(9000) } } },
    422,
    'validation_failed',
  ],
  ['nested 9,000 deep', 'POST', PARTNERS, { raw: `{"name":"x","metadata":${deep(9000)}}` }, 422, 'invalid_characters'],
  ['body over 64 KiB', 'POST', PARTNERS, { body: { name: 'x'.repeat(70_000) } }, 413, 'too_large'],
  ['URL is none', 'POST', SUBSCRIPTIONS, subscription({ url: 'example' }), 422, 'invalid_url'],
  ['URL without TLS', 'POST', SUBSCRIPTIONS, subscription({ url: 'http://example.com/' }), 422, 'invalid_url'],
  [
    'URL with credentials',
    'POST',
    SUBSCRIPTIONS,
    subscription({ url: 'https://a:b@example.com/' }),
    422,
    'invalid_url',
  ],
  ['private address', 'POST', SUBSCRIPTIONS, subscription({ url: 'https://10.0.0.1/' }), 422, 'blocked_address'],
  [
    'metadata service',
    'POST',
    SUBSCRIPTIONS,
    subscription({ url: 'https://169.254.169.254/' }),
    422,
    'blocked_address',
  ],
  ['no event types', 'POST', SUBSCRIPTIONS, subscription({ eventTypes: [] }), 422, 'validation_failed'],
  ['bad pattern', 'POST', SUBSCRIPTIONS, subscription({ eventTypes: ['*.created'] }), 422, 'validation_failed'],
  ['timeout of an hour', 'POST', SUBSCRIPTIONS, subscription({ timeoutSeconds: 3600 }), 422, 'validation_failed'],
  ['"5" for 5', 'POST', SUBSCRIPTIONS, subscription({ timeoutSeconds: '5' }), 422, 'validation_failed'],
  ['short secret', 'POST', SUBSCRIPTIONS, subscription({ secret: secretOf(23) }), 422, 'validation_failed'],
  ['long secret', 'POST', SUBSCRIPTIONS, subscription({ secret: secretOf(65) }), 422, 'validation_failed'],
  [
    'short Ed25519 seed',
    'POST',
    SUBSCRIPTIONS,
    subscription({ secret: secretOf(31, 'whsk_') }),
    422,
    'validation_failed',
  ],
  ['no request a second', 'POST', SUBSCRIPTIONS, subscription({ rateLimit: 0 }), 422, 'validation_failed'],
  ['1,001 requests a second', 'POST', SUBSCRIPTIONS, subscription({ rateLimit: 1001 }), 422, 'validation_failed'],
  ['half a request a second', 'POST', SUBSCRIPTIONS, subscription({ rateLimit: 1.5 }), 422, 'validation_failed'],
  ['negative overlap', 'POST', '{subscription}/secrets/rotate', overlap(-1), 422, 'validation_failed'],
  ['overlap of over a week', 'POST', '{subscription}/secrets/rotate', overlap(604_801), 422, 'validation_failed'],
  ['secret without prefix', 'POST', SUBSCRIPTIONS, subscription({ secret: 'abc' }), 422, 'validation_failed'],
  ['Host header', 'POST', SUBSCRIPTIONS, subscription({ headers: { Host: 'x' } }), 422, 'validation_failed'],
  [
    'webhook-id header',
    'POST',
    SUBSCRIPTIONS,
    subscription({ headers: { 'Webhook-Id': 'x' } }),
    422,
    'validation_failed',
  ],
  [
    'header with a line break',
    'POST',
    SUBSCRIPTIONS,
    subscription({ headers: { a: 'x\r\nb: c' } }),
    422,
    'validation_failed',
  ],
  [
    'header name with a space',
    'POST',
    SUBSCRIPTIONS,
    subscription({ headers: { 'a b': 'x' } }),
    422,
    'validation_failed',
  ],
  ['header twice', 'POST', SUBSCRIPTIONS, subscription({ headers: { A: 'x', a: 'y' } }), 422, 'validation_failed'],
  [
    '21 headers',
    'POST',
    SUBSCRIPTIONS,
    subscription({ headers: Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`h${n}`, 'x'])) }),
    422,
    'validation_failed',
  ],
  [
    'key of scope partner for nobody',
    'POST',
    '/v1/api-keys',
    { body: { name: 'x', scope: 'partner' } },
    422,
    'validation_failed',
  ],
  [
    'key for an unknown partner',
    'POST',
    '/v1/api-keys',
    { body: { name: 'x', scope: 'partner', partnerId: 'nobody' } },
    404,
    'unknown_partner',
  ],
  ['key of unknown scope', 'POST', '/v1/api-keys', { body: { name: 'x', scope: 'root' } }, 422, 'validation_failed'],
  [
    'key expired already',
    'POST',
    '/v1/api-keys',
    { body: { name: 'x', scope: 'admin', expiresAt: '2020-01-01T00:00:00Z' } },
    422,
    'validation_failed',
  ],
  [
    'key that expires in the year 10000',
    'POST',
    '/v1/api-keys',
    expiring({ scope: 'admin' }),
    422,
    'validation_failed',
  ],
  ['partner key of the same', 'POST', '/v1/partners/acme/api-keys', expiring(), 422, 'validation_failed'],
];

const partnersAfter = (time: string) => `${PARTNERS}?cursor=${encodeCursor('partners', `${time} acme`)}`;

const paths: Case[] = [
  ['unknown route', 'GET', '/v1/nothing', {}, 404, 'not_found'],
  ['unknown method', 'PUT', '/v1/partners', {}, 405, 'method_not_allowed'],
  ['bad percent-encoding', 'GET', '/v1/partners/%E0%A4%A', {}, 400, 'invalid_path'],
  ['NUL in the path', 'GET', '/v1/partners/a%00b', {}, 404, 'not_found'],
  ['very long id', 'GET', `/v1/partners/${'x'.repeat(5000)}`, {}, 404, 'not_found'],
  ['unknown partner', 'GET', '/v1/partners/nobody', {}, 404, 'not_found'],
  ['list below an unknown partner', 'GET', '/v1/partners/nobody/events', {}, 404, 'not_found'],
  ['no TypeID', 'GET', `${SUBSCRIPTIONS}/1`, {}, 404, 'not_found'],
  ['TypeID of another kind', 'GET', `${SUBSCRIPTIONS}/${publicId('evt', newId())}`, {}, 404, 'not_found'],
  ['TypeID too large', 'GET', `${SUBSCRIPTIONS}/sub_8zzzzzzzzzzzzzzzzzzzzzzzzz`, {}, 404, 'not_found'],
  ['TypeID with NUL', 'GET', `${SUBSCRIPTIONS}/sub_%00`, {}, 404, 'not_found'],
  ['unknown delivery', 'GET', `${DELIVERIES}/${publicId('dlv', newId())}`, {}, 404, 'not_found'],
  ['unknown event', 'GET', `/v1/partners/acme/events/${publicId('evt', newId())}`, {}, 404, 'not_found'],
  ['unknown key', 'DELETE', `/v1/api-keys/${publicId('key', newId())}`, {}, 404, 'not_found'],
  ['unknown partner, deleted', 'DELETE', '/v1/partners/nobody', {}, 404, 'not_found'],
  ['the operator’s own partner, deleted', 'DELETE', '/v1/partners/postrider', {}, 409, 'operator_partner'],
  ['limit 0', 'GET', `${DELIVERIES}?limit=0`, {}, 422, 'validation_failed'],
  ['limit 251', 'GET', `${DELIVERIES}?limit=251`, {}, 422, 'validation_failed'],
  ['limit 1e400', 'GET', `${DELIVERIES}?limit=1e400`, {}, 422, 'validation_failed'],
  ['limit ten', 'GET', `${DELIVERIES}?limit=ten`, {}, 422, 'validation_failed'],
  ['limit twice', 'GET', `${DELIVERIES}?limit=1&limit=2`, {}, 422, 'validation_failed'],
  ['unknown filter', 'GET', `${DELIVERIES}?status=failed`, {}, 422, 'validation_failed'],
  ['unknown state', 'GET', `${DELIVERIES}?state=failed`, {}, 422, 'validation_failed'],
  ['since is no time', 'GET', `${DELIVERIES}?since=2026`, {}, 422, 'validation_failed'],
  ['since does not exist', 'GET', `${DELIVERIES}?since=2026-13-01T00:00:00Z`, {}, 422, 'validation_failed'],
  ['since in the year 0', 'GET', `${DELIVERIES}?since=${YEAR_0}`, {}, 422, 'validation_failed'],
  ['events since the year 0', 'GET', `/v1/partners/acme/events?until=${YEAR_0}`, {}, 422, 'validation_failed'],
  ['dead letters since the year 0', 'GET', `/v1/dead-letters?since=${YEAR_0}`, {}, 422, 'validation_failed'],
  ['audit until the year 10000', 'GET', `/v1/audit?until=${BEYOND}`, {}, 422, 'validation_failed'],
  ['filter id is none', 'GET', `${DELIVERIES}?subscriptionId=1`, {}, 422, 'validation_failed'],
  ['event type with NUL', 'GET', `${DELIVERIES}?eventType=a%00`, {}, 422, 'validation_failed'],
  ['bad cursor', 'GET', `${DELIVERIES}?cursor=abc`, {}, 400, 'invalid_cursor'],
  ['cursor of bytes', 'GET', `${DELIVERIES}?cursor=%00%ff`, {}, 400, 'invalid_cursor'],
  [
    'cursor of another list',
    'GET',
    `${DELIVERIES}?cursor=${encodeCursor('events', newId())}`,
    {},
    400,
    'invalid_cursor',
  ],
  ['bad cursor of partners', 'GET', `${PARTNERS}?cursor=${encodeCursor('partners', 'x y')}`, {}, 400, 'invalid_cursor'],
  [
    'impossible time in a cursor',
    'GET',
    `${PARTNERS}?cursor=${encodeCursor('partners', '2026-99-99T99:99Z a')}`,
    {},
    400,
    'invalid_cursor',
  ],
  ['year 0 in a cursor', 'GET', partnersAfter('0000-01-01T00:00:00.000Z'), {}, 400, 'invalid_cursor'],
  ['year 10000 in a cursor', 'GET', partnersAfter('+010000-01-01T00:00:00.000Z'), {}, 400, 'invalid_cursor'],
];

const keys: Case[] = [
  ['no key', 'GET', PARTNERS, { key: null }, 401, 'unauthorized'],
  ['no key, publishing', 'POST', EVENTS, { key: null, ...event({}) }, 401, 'unauthorized'],
  ['Basic', 'GET', PARTNERS, { key: null, headers: { authorization: 'Basic Zm9vOmJhcg==' } }, 401, 'unauthorized'],
  ['empty Bearer', 'GET', PARTNERS, { key: null, headers: { authorization: 'Bearer ' } }, 401, 'unauthorized'],
  ['unknown key', 'GET', PARTNERS, { key: `postrider_${'a'.repeat(43)}` }, 401, 'unauthorized'],
];

describe.each([...bodies, ...paths, ...keys])('%s', (_promise, method, path, options, status, code) => {
  test(`${method} ${path.slice(0, 60)} → ${status} ${code}`, async () => {
    const answer = await api.call(method, path.replace('{subscription}', subscriptionPath), options);
    expect(answer.body).toMatchObject({ status, code, type: 'about:blank', detail: expect.any(String) });
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.body.requestId).toBe(answer.headers['x-request-id']);
    expect(api.errors).toEqual([]);
  });
});

test('the first and the last time there are can be asked for', async () => {
  const range = 'since=0001-01-01T00:00:00Z&until=9999-12-31T23:59:59.999Z';
  const lists = ['/v1/dead-letters', '/v1/audit', DELIVERIES, '/v1/partners/acme/events'];
  for (const list of lists) expect((await api.call('GET', `${list}?${range}`)).status).toBe(200);
  for (const time of ['0001-01-01T00:00:00.000Z', '9999-12-31T23:59:59.999Z']) {
    expect((await api.call('GET', partnersAfter(time))).status).toBe(200);
  }
  const { body } = await api.call('POST', '/v1/partners/acme/api-keys', {
    body: { name: 'x', expiresAt: '9999-12-31T23:59:59.999Z' },
  });
  expect(body.expiresAt).toBe('9999-12-31T23:59:59.999Z');
});

test('the answer says where and what', async () => {
  const { body } = await api.call('POST', SUBSCRIPTIONS, { body: { eventTypes: ['*', ''], tenant: 1, 'a/b~': 1 } });
  expect(body.errors).toEqual(
    expect.arrayContaining([
      { path: '/url', message: 'is required' },
      { path: '/tenant', message: 'is not known here' },
      { path: '/a~1b~0', message: 'is not known here' },
      { path: '/eventTypes/1', message: expect.stringContaining('must look like order.*') },
    ]),
  );
  const { body: lane } = await api.call('POST', EVENTS, event({ lane: 'express' }));
  expect(lane.errors).toEqual([{ path: '/lane', message: 'must be one of live, bulk' }]);
  const { body: page } = await api.call('GET', `${DELIVERIES}?limit=x`);
  expect(page.errors).toEqual([{ path: '?limit', message: 'must be integer' }]);
});

test('405 names what is possible, 401 asks for a key, 413 names the limit', async () => {
  expect((await api.call('PUT', subscriptionPath)).headers.allow).toBe('DELETE, GET, HEAD, PATCH');
  expect((await api.call('GET', PARTNERS, { key: null })).headers['www-authenticate']).toContain('Bearer');
  expect((await api.call('POST', PARTNERS, { body: { name: 'x'.repeat(70_000) } })).body.detail).toContain('64 KiB');
  const { body } = await api.call('POST', EVENTS, event({ data: 'x'.repeat(400 * 1024) }));
  expect(body.detail).toMatch(/larger than 320 KiB: Amazon SNS takes 256 KiB for the whole event/);
});

test('an expired and a revoked key are told so', async () => {
  const { body } = await api.call('POST', '/v1/api-keys', {
    body: { name: 'x', scope: 'admin', expiresAt: '2999-01-01T00:00:00Z' },
  });
  const id = parsePublicId('key', body.id);
  await api.pool.query(`UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
  const expired = await api.call('GET', PARTNERS, { key: body.key });
  expect(expired).toMatchObject({
    status: 401,
    body: { code: 'unauthorized', detail: expect.stringContaining('expired') },
  });
  const second = await api.call('POST', '/v1/api-keys', { body: { name: 'y', scope: 'admin' } });
  expect((await api.call('DELETE', `/v1/api-keys/${second.body.id}`)).status).toBe(204);
  const revoked = await api.call('GET', PARTNERS, { key: second.body.key });
  expect(revoked).toMatchObject({
    status: 401,
    body: { code: 'unauthorized', detail: expect.stringContaining('revoked') },
  });
});

test('a scope that does not suffice is told so', async () => {
  const { body } = await api.call('POST', '/v1/api-keys', { body: { name: 'x', scope: 'publish', partnerId: 'acme' } });
  const forbidden = { status: 403, body: { code: 'forbidden' } };
  expect(await api.call('POST', EVENTS, { key: body.key, ...event({}) })).toMatchObject({ status: 202 });
  expect(await api.call('POST', EVENTS, { key: body.key, ...event({ partnerId: 'other' }) })).toMatchObject(forbidden);
  expect(await api.call('GET', PARTNERS, { key: body.key })).toMatchObject(forbidden);
  expect(await api.call('GET', '/v1/partners/acme', { key: body.key })).toMatchObject(forbidden);
  expect(await api.call('POST', EVENTS, { key: acme.key, ...event({}) })).toMatchObject(forbidden);
  expect(await api.call('POST', PARTNERS, { key: acme.key, body: { name: 'x' } })).toMatchObject(forbidden);
  expect(await api.call('DELETE', '/v1/partners/acme', { key: acme.key })).toMatchObject(forbidden);
  expect(await api.call('GET', '/v1/dead-letters', { key: acme.key })).toMatchObject(forbidden);
});
