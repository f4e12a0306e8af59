import { afterAll, beforeAll, expect, test } from 'vitest';
import { putDelivery, putEvent } from './records.ts';
import { publicDelivery, publicEvent, startApi, type TestApi } from './support.ts';

let api: TestApi;
const events: string[] = [];
const deliveries: string[] = [];
const subscriptions: string[] = [];

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
  for (let n = 0; n < 3; n++) subscriptions.push((await api.subscription('acme')).id);
  for (let n = 0; n < 30; n++) {
    const type = n % 3 === 0 ? 'order.paid' : 'order.created';
    const eventId = await putEvent(api.pool, 'acme', { type });
    events.push(publicEvent(eventId));
    for (const [at, subscriptionId] of subscriptions.slice(0, 1 + (n % 3)).entries()) {
      const state = (['succeeded', 'exhausted', 'pending'] as const)[at] as 'pending';
      deliveries.push(publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId, state, eventType: type })));
    }
  }
  await api.call('DELETE', `/v1/partners/acme/subscriptions/${subscriptions[2]}`);
});
afterAll(() => api.close());

/** Walks a list to its end; `between` runs after each page. */
async function walk(path: string, limit: number, between = async () => {}) {
  const seen: { id: string }[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null && page < 100; page++) {
    const query: string = `${path.includes('?') ? '&' : '?'}limit=${limit}${cursor && `&cursor=${cursor}`}`;
    const { status, body } = await api.call('GET', `${path}${query}`);
    expect(status).toBe(200);
    expect(body.data.length).toBeLessThanOrEqual(limit);
    seen.push(...body.data);
    cursor = body.nextCursor;
    await between();
  }
  return seen;
}

const ids = (rows: { id: string }[]) => rows.map(({ id }) => id);
const newestFirst = (list: string[]) => [...list].sort().reverse();

test.each([1, 7, 30, 250])('events, %i at a time', async (limit) => {
  expect(ids(await walk('/v1/partners/acme/events', limit))).toEqual(newestFirst(events));
});

test.each([1, 7, 60, 250])('deliveries of all subscriptions merged, deleted ones too, %i at a time', async (limit) => {
  expect(ids(await walk('/v1/partners/acme/deliveries', limit))).toEqual(newestFirst(deliveries));
});

test('what is added meanwhile does not shift the pages', async () => {
  const added = async () => {
    await putEvent(api.pool, 'acme', { type: 'late' });
  };
  expect(ids(await walk('/v1/partners/acme/events', 7, added))).toEqual(newestFirst(events));
  await api.pool.query(`DELETE FROM events WHERE type = 'late'`);
});

test.each(['partners', 'api-keys'])('%s, though many have one time', async (list) => {
  const before = ids(await walk(`/v1/${list}`, 250));
  for (let n = 0; n < 12; n++) await api.partner(`page-${n}`);
  await api.pool.query(`UPDATE partners SET created_at = '2026-01-31T12:00:00.123Z' WHERE id LIKE 'page-%'`);
  const all = ids(await walk(`/v1/${list}`, 250));
  expect(all.length).toBe(before.length + 12);
  expect(ids(await walk(`/v1/${list}`, 5))).toEqual(all);
  for (let n = 0; n < 12; n++) await api.call('DELETE', `/v1/partners/page-${n}`);
  await api.pool.query(
    `DELETE FROM api_keys WHERE partner_id LIKE 'page-%'; DELETE FROM partners WHERE id LIKE 'page-%'`,
  );
});

test('filters', async () => {
  const count = async (query: string) => (await walk(`/v1/partners/acme/${query}`, 7)).length;
  expect(await count('events?type=order.paid')).toBe(10);
  expect(await count('deliveries?state=succeeded')).toBe(30);
  expect(await count('deliveries?state=exhausted')).toBe(20);
  expect(await count('deliveries?state=pending&eventType=order.created')).toBe(10);
  expect(await count(`deliveries?subscriptionId=${subscriptions[2]}`)).toBe(10);
  expect(await count(`deliveries?eventId=${events[2]}`)).toBe(3);
  expect(await count(`deliveries?eventId=${events[2]}&state=pending`)).toBe(1);
  expect(await count(`deliveries?eventId=${events[2]}&subscriptionId=${subscriptions[0]}&eventType=none`)).toBe(0);
});

test('since is included, until is not', async () => {
  const { body } = await api.call('GET', `/v1/partners/acme/events/${events[10]}`);
  const at = encodeURIComponent(body.createdAt);
  for (const list of ['events', 'deliveries']) {
    const newer = await walk(`/v1/partners/acme/${list}?since=${at}`, 7);
    const older = await walk(`/v1/partners/acme/${list}?until=${at}`, 7);
    expect(ids([...newer, ...older])).toEqual(newestFirst(list === 'events' ? events : deliveries));
    expect(JSON.stringify(newer)).toContain(events[10]);
  }
  const later = encodeURIComponent('2999-01-01T00:00:00+02:00');
  expect(await walk(`/v1/partners/acme/events?since=${later}`, 7)).toEqual([]);
  expect(await walk(`/v1/partners/acme/events?until=${encodeURIComponent('1969-01-01T00:00:00Z')}`, 7)).toEqual([]);
});
