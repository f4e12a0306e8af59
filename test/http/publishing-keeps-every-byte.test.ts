import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Accept } from '../../src/pipeline/accept.ts';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
let override: Accept | undefined;
const keys: (object | undefined)[] = [];

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
});
beforeEach(() => {
  api.accepted.length = 0;
});
afterAll(() => api.close());

const DATA = [
  '12345678901234567890.1230',
  '  {"b" : 1 ,"a":[ 1.0,1e3 ]}',
  '"\\u00e9\\ud83d\\udc4b é 👋 \\u0000"',
  'null',
  '{"data":{"data":1},"__proto__":{"x":1},"\\"}":"]"}',
  '{"a":1,"a":2}',
];

test.each(DATA)('data %s', async (data) => {
  const raw = `{"type":"order.created", "data":${data} ,\n"partnerId":"acme"}`;
  const answer = await api.call('POST', '/v1/events', { raw });
  expect(answer).toMatchObject({
    status: 202,
    body: {
      id: expect.stringMatching(/^evt_/),
      partnerId: 'acme',
      type: 'order.created',
      timestamp: expect.any(String),
    },
  });
  expect(api.accepted).toEqual([{ partnerId: 'acme', type: 'order.created', lane: 'live', data: data.trim() }]);
});

test('a batch keeps every byte, its order, and what is good in it', async () => {
  const good = DATA.map((data, n) => `{"partnerId":"acme","type":"a.${n}","data":${data},"lane":"bulk"}`);
  const bad = ['7', '{"partnerId":"acme","type":"a","data":1,"x":1}', '{"partnerId":"nobody","type":"a","data":1}'];
  const raw = `{ "events" : [ ${[...bad, ...good].join(' , ')} ] }`;
  const { status, body } = await api.call('POST', '/v1/events/batch', { raw });
  expect(status).toBe(202);
  expect(body.data.slice(0, 3)).toEqual([
    {
      error: {
        code: 'validation_failed',
        detail: expect.any(String),
        errors: [{ path: '', message: 'must be object' }],
      },
    },
    {
      error: {
        code: 'validation_failed',
        detail: '/x is not known here',
        errors: [{ path: '/x', message: 'is not known here' }],
      },
    },
    { error: { code: 'unknown_partner', detail: expect.any(String) } },
  ]);
  expect(body.data.slice(3)).toEqual(
    DATA.map((_, n) => ({
      id: expect.stringMatching(/^evt_/),
      partnerId: 'acme',
      type: `a.${n}`,
      timestamp: expect.any(String),
    })),
  );
  const took = Object.fromEntries(api.accepted.map(({ type, data, lane }) => [type, [data, lane]]));
  expect(took).toEqual(Object.fromEntries(DATA.map((data, n) => [`a.${n}`, [data.trim(), 'bulk']])));
});

test('a batch of 500', async () => {
  const events = Array.from({ length: 500 }, (_, n) => ({ partnerId: 'acme', type: 'a', data: n }));
  const { body } = await api.call('POST', '/v1/events/batch', { body: { events } });
  expect(body.data).toHaveLength(500);
  expect(new Set(body.data.map(({ id }: { id: string }) => id)).size).toBe(500);
});

test('problems of accepting have their status, and say when to try again', async () => {
  const other = await startApi({ accept: async (...asked) => (override as Accept)(...asked) });
  const post = () =>
    other.call('POST', '/v1/events', {
      body: { partnerId: 'a', type: 'a', data: 1 },
      headers: { 'idempotency-key': 'k 1' },
    });
  const problems = {
    idempotency_key_reused: 422,
    invalid_characters: 422,
    too_large: 413,
    overloaded: 503,
    unavailable: 503,
  };
  for (const [problem, status] of Object.entries(problems)) {
    override = async (_event, idempotency) => {
      keys.push(idempotency);
      return { ok: false, problem: problem as 'overloaded', detail: 'because' };
    };
    expect(await post()).toMatchObject({ status, body: { code: problem, detail: 'because' } });
  }
  expect(keys[0]).toEqual({ key: 'k 1', entry: 0 });
  expect((await post()).headers['retry-after']).toBe('5');
  keys.length = 0;
  const event = { partnerId: 'a', type: 'a', data: 1 };
  await other.call('POST', '/v1/events/batch', {
    body: { events: [event, event] },
    headers: { 'idempotency-key': 'k' },
  });
  expect(keys).toEqual([
    { key: 'k', entry: 1 },
    { key: 'k', entry: 2 },
  ]);
  await other.close();
});
