import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createLoadSubscriptions } from '../../src/store/subscriptions.ts';
import { putEvent } from './records.ts';
import { publicEvent, startApi, type TestApi } from './support.ts';

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
  await api.partner('rival');
});
afterAll(() => api.close());

const SUBSCRIPTIONS = '/v1/partners/acme/subscriptions';
const FILTER =
  '{"data":{"order":{"total":[{"numeric":[">",100]}],"constructor":["x"],"$type":["y"]}},"$or":[{"b":[1]},{"a":[null,1.5]}]}';

const raw = (filter: string) => `{"url":"https://example.com/hooks","eventTypes":["*"],"filter":${filter}}`;

test('a filter comes back as it was given, can be replaced, and null takes it away', async () => {
  const created = await api.call('POST', SUBSCRIPTIONS, { raw: raw(FILTER) });
  expect(created.status).toBe(201);
  const path = `${SUBSCRIPTIONS}/${created.body.id}`;
  for (const { body } of [created, await api.call('GET', path), await api.call('GET', SUBSCRIPTIONS)]) {
    expect((body.data?.[0] ?? body).filter).toEqual(JSON.parse(FILTER));
  }
  const load = createLoadSubscriptions(api.pool, api.cipher);
  const before = await load('acme');
  expect(before?.subscriptions[0]?.filter?.matches({ data: { order: { total: 101 } } })).toBe(false);
  const replaced = await api.call('PATCH', path, { body: { filter: { type: ['a'] } } });
  expect(replaced.body.filter).toEqual({ type: ['a'] });
  const after = await load('acme');
  expect(after?.subscriptions[0]?.filter?.matches({ type: 'a' })).toBe(true);
  expect(after?.version).toBe((before?.version ?? 0n) + 1n);
  expect((await api.call('PATCH', path, { body: { description: 'x' } })).body.filter).toEqual({ type: ['a'] });
  expect((await api.call('PATCH', path, { body: { filter: null } })).body.filter).toBeNull();
  expect((await load('acme'))?.subscriptions[0]?.filter).toBeNull();
  expect((await api.subscription('acme')).filter).toBeNull();
});

test.each([
  ['{"data":{"total":[{"numeric":[">","x"]}]}}', '/filter/data/total/0/numeric/1'],
  ['{"data":"x"}', '/filter/data'],
  ['{"id":[12345678901234567890]}', '/filter/id/0'],
  ['{"n":[1e400]}', '/filter/n/0'],
  ['{"data":{"__proto__":["x"]}}', '/filter/data/__proto__'],
  ['[]', '/filter'],
  ['"x"', '/filter'],
  ['{"a":[1],"b":[1],"c":[1],"d":[1],"e":[1],"f":[1]}', '/filter'],
])('%s is refused, with its place', async (filter, path) => {
  const { body } = await api.call('POST', SUBSCRIPTIONS, { body: { url: 'https://example.com/', eventTypes: ['*'] } });
  const answers = [
    await api.call('POST', SUBSCRIPTIONS, { raw: raw(filter) }),
    await api.call('PATCH', `${SUBSCRIPTIONS}/${body.id}`, { raw: `{"filter":${filter}}` }),
    await api.call('POST', `${SUBSCRIPTIONS}/filter-test`, {
      raw: `{"filter":${filter},"event":{"type":"a","data":1}}`,
    }),
  ];
  for (const { status, body } of answers) {
    expect([status, body.code, body.errors[0].path]).toEqual([422, 'invalid_filter', path]);
  }
});

test('a filter has room for 256 KiB, and more is a clear 4xx', async () => {
  const filter = (bytes: number) => `{"a":["${'x'.repeat(bytes - 10)}"]}`;
  expect((await api.call('POST', SUBSCRIPTIONS, { raw: raw(filter(256 * 1024)) })).status).toBe(201);
  const larger = await api.call('POST', SUBSCRIPTIONS, { raw: raw(filter(256 * 1024 + 1)) });
  expect([larger.status, larger.body.code]).toEqual([422, 'invalid_filter']);
  expect((await api.call('POST', SUBSCRIPTIONS, { raw: raw(filter(512 * 1024)) })).status).toBe(413);
});

describe('filter-test', () => {
  const testFilter = (body: object) => api.call('POST', `${SUBSCRIPTIONS}/filter-test`, { body });
  const filter = { type: [{ prefix: 'order.' }], data: { n: [{ numeric: ['>', 1] }] } };

  test('says whether an event would pass, and why not', async () => {
    const passes = await testFilter({ filter, event: { type: 'order.created', data: { n: 2 } } });
    expect([passes.status, passes.body]).toEqual([200, { matches: true, reason: null }]);
    const fails = await testFilter({ filter, event: { type: 'order.created', data: { n: 1 } } });
    expect(fails.body.matches).toBe(false);
    expect(fails.body.reason.path).toBe('/data/n');
    expect(fails.body.reason.message).toContain('the event has 1 there');
    const timed = { type: 'a', data: {}, timestamp: '2026-01-01T00:00:00Z' };
    expect((await testFilter({ filter: { timestamp: [{ prefix: '2026-01' }] }, event: timed })).body.matches).toBe(
      true,
    );
  });

  test('takes an event on record, of this partner only', async () => {
    const eventId = publicEvent(await putEvent(api.pool, 'acme', { data: '{"n":12345678901234567890}' }));
    expect((await testFilter({ filter, eventId })).body).toEqual({ matches: true, reason: null });
    const foreign = publicEvent(await putEvent(api.pool, 'rival'));
    expect((await testFilter({ filter, eventId: foreign })).status).toBe(404);
    expect((await testFilter({ filter, eventId: 'evt_x' })).status).toBe(404);
  });

  test('wants exactly one event', async () => {
    const event = { type: 'a', data: 1 };
    for (const body of [{ filter }, { filter, event, eventId: 'evt_x' }, { event }, { filter, event: { type: 'a' } }]) {
      const { status, body: problem } = await testFilter(body);
      expect([status, problem.errors.length]).toEqual([422, 1]);
    }
  });
});
