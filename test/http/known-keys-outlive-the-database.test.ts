import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Authentication, createAuthentication } from '../../src/http/authentication.ts';
import { createFindApiKey, type FindApiKey, hashApiKey } from '../../src/store/api-keys.ts';
import { createEventReads } from '../../src/store/events.ts';
import { createPartners } from '../../src/store/partners.ts';
import { createPrisma } from '../../src/store/prisma.ts';
import { until } from '../support/until.ts';
import { ADMIN_KEY, startApi, type TestApi } from './support.ts';

let api: TestApi;
let find: FindApiKey;
let authentication: Authentication;
let away = false;
let time = Date.now();

beforeAll(async () => {
  authentication = createAuthentication({
    findApiKey: async (hash) => {
      if (away) throw Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
      return find(hash);
    },
    adminApiKey: ADMIN_KEY,
    now: () => time,
  });
  api = await startApi({ authentication });
  find = createFindApiKey(api.pool);
});
afterAll(() => api.close());

const newKey = async () =>
  (await api.call('POST', '/v1/api-keys', { body: { name: 'x', scope: 'publish' } })).body as {
    id: string;
    key: string;
  };
const publish = async (key: string) =>
  (await api.call('POST', '/v1/events', { key, body: { partnerId: 'acme', type: 'a', data: 1 } })).status;

test('known keys go on working, unknown ones get 503 and are told when to come back', async () => {
  await api.partner('acme');
  const known = await newKey();
  const unseen = await newKey();
  expect(await publish(known.key)).toBe(202);
  away = true;
  time += 3_600_000;
  expect(await publish(known.key)).toBe(202);
  expect(await publish(ADMIN_KEY)).toBe(202);
  const answer = await api.call('GET', '/v1/partners', { key: unseen.key });
  expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': '5' } });
  away = false;
  expect(await publish(unseen.key)).toBe(202);
  expect(api.errors).toEqual([]);
});

test('a revoked key is refused once its notification is heard, and within a second if it is not', async () => {
  const [heard, unheard] = [await newKey(), await newKey()];
  expect([await publish(heard.key), await publish(unheard.key)]).toEqual([202, 202]);
  for (const { id } of [heard, unheard]) await api.call('DELETE', `/v1/api-keys/${id}`);
  authentication.drop(hashApiKey(heard.key));
  expect(await publish(heard.key)).toBe(401);
  time += 900;
  expect(await publish(unheard.key)).toBe(401);
});

test('a key in steady use is looked up in the background: its requests do not wait', async () => {
  const { id, key } = await newKey();
  const steady = () => authentication.authenticate(`Bearer ${key}`);
  await steady();
  await api.call('DELETE', `/v1/api-keys/${id}`);
  time += 500;
  expect(steady()).toMatchObject({ scope: 'publish' }); // at once; and asks
  await until(steady, (answer) => answer instanceof Error, 5_000);
});

test('a key ends at its time', async () => {
  const expiresAt = new Date(time + 1000).toISOString();
  const { body } = await api.call('POST', '/v1/api-keys', { body: { name: 'x', scope: 'publish', expiresAt } });
  expect(await publish(body.key)).toBe(202);
  time += 1001;
  expect(await publish(body.key)).toBe(401);
});

test('a partner’s key makes none that outlives it', async () => {
  const make = (body: object, key?: string) =>
    api.call('POST', '/v1/partners/acme/api-keys', { body: { name: 'x', ...body }, ...(key ? { key } : {}) });
  const at = (afterMs: number) => new Date(time + afterMs).toISOString();
  const expiresAt = at(60_000);
  const { key } = (await make({ expiresAt })).body;
  expect((await make({}, key)).body.expiresAt).toBe(expiresAt);
  expect((await make({ expiresAt }, key)).body.expiresAt).toBe(expiresAt);
  expect((await make({ expiresAt: at(50_000) }, key)).body.expiresAt).toBe(at(50_000));
  for (const later of [null, at(60_001)]) {
    expect(await make({ expiresAt: later }, key)).toMatchObject({
      status: 422,
      body: { errors: [{ path: '/expiresAt', message: expect.stringContaining(`not be later than ${expiresAt}`) }] },
    });
  }
  const lasting = (await make({})).body;
  expect(lasting.expiresAt).toBeNull();
  expect((await make({ expiresAt }, lasting.key)).body.expiresAt).toBe(expiresAt);
  expect((await make({}, lasting.key)).body.expiresAt).toBeNull();
});

test('a database that is away is 503, not 500', async () => {
  const pool = new pg.Pool({ host: '127.0.0.1', port: 1 }); // nobody listens there
  const broken = await startApi({ events: createEventReads(pool), partners: createPartners(createPrisma(pool)) });
  for (const path of ['/v1/partners', '/v1/partners/acme', '/v1/partners/acme/events']) {
    expect(await broken.call('GET', path)).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  }
  await Promise.all([broken.close(), pool.end()]);
});

test.each([
  ['a statement that takes too long', { statement_timeout: 100 }],
  ['an answer that does not come', { query_timeout: 100 }],
])('%s is 503, not 500', async (_promise, timeout) => {
  const { connectionString } = api.pool.options;
  const pool = new pg.Pool({ connectionString, max: 2, ...timeout });
  pool.on('error', () => undefined); // its statement is cut off with the connection
  const slow = await startApi({ events: createEventReads(pool), partners: createPartners(createPrisma(pool)) });
  const holder = await api.pool.connect();
  await holder.query('BEGIN; LOCK TABLE partners, events');
  const calls = ['/v1/partners', '/v1/partners/acme', '/v1/partners/acme/events'].map((path) => slow.call('GET', path));
  for (const answer of await Promise.all([...calls, slow.call('POST', '/v1/partners', { body: { name: 'x' } })])) {
    expect(answer).toMatchObject({ status: 503, body: { code: 'unavailable' }, headers: { 'retry-after': '5' } });
  }
  await holder.query('ROLLBACK');
  holder.release();
  await slow.close();
  await pool.end();
});

test('no connection in time, and one that breaks in a transaction, are 503, not 500', async () => {
  const { connectionString } = api.pool.options;
  const pool = new pg.Pool({ connectionString, max: 1, application_name: 'busy' });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  const busy = await startApi({ partners: createPartners(createPrisma(pool)) });
  const only = await pool.connect();
  const change = () => busy.call('PATCH', '/v1/partners/acme', { body: { name: 'x' } });
  expect(await change()).toMatchObject({ status: 503, body: { code: 'unavailable' } }); // Prisma waits 2 s
  only.release();
  const holder = await api.pool.connect();
  await holder.query(`BEGIN; SELECT FROM partners WHERE id = 'acme' FOR UPDATE`);
  const waiting = change();
  const end = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'busy' AND wait_event_type = 'Lock'`;
  await until(
    () => api.pool.query(end),
    ({ rowCount }) => rowCount === 1,
  );
  expect(await waiting).toMatchObject({ status: 503, body: { code: 'unavailable' } });
  await holder.query('ROLLBACK');
  holder.release();
  await busy.close();
  await pool.end();
});

test('probes need no key; readiness says what is away', async () => {
  const checks = [
    { name: 'postgres', ok: true },
    { name: 'sns', ok: false, detail: 'no route' },
  ];
  const other = await startApi({ readiness: async () => checks });
  expect(await other.call('GET', '/health', { key: null })).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await other.call('GET', '/ready', { key: null })).toMatchObject({
    status: 503,
    body: { ready: false, checks },
  });
  expect(await api.call('GET', '/ready', { key: null })).toMatchObject({ status: 200, body: { ready: true } });
  await other.close();
});
