import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deliveryId, parsePublicId } from '../../src/domain/ids.ts';
import { MOST_OF_A_PARTNER, MOST_WAITING } from '../../src/http/feed-waiting.ts';
import { encodeCursor } from '../../src/store/cursor.ts';
import { createFeed, type Feed } from '../../src/store/feed.ts';
import { until } from '../support/until.ts';
import { putEvent } from './records.ts';
import { publicEvent, startApi, type TestApi } from './support.ts';

let api: TestApi;
let key: string;
let subscriptionId: string;
let path: string;

beforeAll(async () => {
  api = await startApi();
  key = (await api.partner('acme')).key;
});
beforeEach(async () => {
  const { id, url } = await api.subscription('acme', { url: null });
  expect(url).toBeNull();
  subscriptionId = parsePublicId('sub', id) as string;
  path = `/v1/partners/acme/subscriptions/${id}`;
});
afterAll(() => api.close());

/** As a worker does it. */
async function feed(data = '{}'): Promise<string> {
  const eventId = await putEvent(api.pool, 'acme', { data });
  await api.pool.query('INSERT INTO feed (delivery_id, subscription_id, event_id) VALUES ($1, $2, $3)', [
    deliveryId(eventId, subscriptionId),
    subscriptionId,
    eventId,
  ]);
  return publicEvent(eventId);
}

const poll = (query = '') => api.call('GET', `${path}/events${query}`, { key });

test('pages go on from their cursor, every event once, its data byte for byte', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 5; n++) ids.push(await feed(`{ "n":1234567890123456789${n}, "s":"💌" }`));
  const first = await poll('?limit=3');
  expect(first.text).toContain(`"data":{ "n":12345678901234567890, "s":"💌" }`);
  const second = await poll(`?limit=3&cursor=${first.body.nextCursor}`);
  const third = await poll(`?limit=3&cursor=${second.body.nextCursor}`);
  expect(third.body).toEqual({ data: [], nextCursor: second.body.nextCursor });
  const seen = [...first.body.data, ...second.body.data].map(({ id }) => id);
  expect(seen.toSorted()).toEqual(ids.toSorted());
  expect((await poll('?limit=3')).body).toEqual(first.body); // a page can be read again
  const late = await feed();
  expect((await poll(`?cursor=${third.body.nextCursor}`)).body.data).toMatchObject([
    { id: late, type: 'order.created' },
  ]);
});

test('a long poll answers as soon as an event arrives, and empty when none does', async () => {
  const since = performance.now();
  expect((await poll('?wait=300ms')).body.data).toEqual([]);
  expect(performance.now() - since).toBeGreaterThan(250);
  const waiting = poll('?wait=20s');
  const id = await feed();
  expect((await waiting).body.data).toMatchObject([{ id }]);
  expect(performance.now() - since).toBeLessThan(10_000);
});

test('a cursor is good for the subscription that gave it, and for what it has given', async () => {
  const other = await api.subscription('acme', { url: null });
  await feed();
  const { nextCursor } = (await poll()).body;
  expect((await poll(`?cursor=${nextCursor}`)).body).toEqual({ data: [], nextCursor });
  const elsewhere = await api.call('GET', `/v1/partners/acme/subscriptions/${other.id}/events?cursor=${nextCursor}`);
  expect([elsewhere.status, elsewhere.body.code]).toEqual([400, 'invalid_cursor']);
  for (const position of ['2', '999999999999999999', 'x']) {
    const ahead = await poll(`?wait=20s&cursor=${encodeCursor('feed', `${subscriptionId} ${position}`)}`);
    expect([ahead.status, ahead.body.code]).toEqual([400, 'invalid_cursor']);
  }
  expect((await poll(`?cursor=${encodeCursor('feed', '0')}`)).body.code).toBe('invalid_cursor');
});

/** A key of acme, in use. */
async function aKey(body: object = {}): Promise<{ id: string; key: string }> {
  const made = (await api.call('POST', '/v1/partners/acme/api-keys', { body: { name: 'x', ...body } })).body;
  expect((await api.call('GET', path, { key: made.key })).status).toBe(200);
  return made;
}

test('who waits is refused once its key is revoked, or has expired, and told nothing any more', async () => {
  const revoked = await aKey();
  const expiring = await aKey({ expiresAt: new Date(Date.now() + 1_500).toISOString() });
  const waiting = [revoked, expiring].map(({ key }) => api.call('GET', `${path}/events?wait=20s`, { key }));
  expect((await api.call('DELETE', `/v1/api-keys/${revoked.id}`)).status).toBe(204);
  const answers = await Promise.all(waiting);
  expect(answers.map(({ status, body }) => [status, body.detail])).toEqual([
    [401, 'this API key was revoked'],
    [401, 'this API key has expired'],
  ]);
});

test('who waits is told when its subscription is deleted', async () => {
  const waiting = poll('?wait=20s');
  expect((await api.call('DELETE', path, { key })).status).toBe(204);
  expect((await waiting).status).toBe(404);
});

test('so many wait and no more, and all of them share a look', async () => {
  const looks: number[] = [];
  const real = (): Feed => createFeed(own.pool);
  const own: TestApi = await startApi({
    feed: {
      read: (...asked) => real().read(...asked),
      head: (id) => real().head(id),
      haveNews: (places) => {
        looks.push(places.length);
        return real().haveNews(places);
      },
    },
  });
  const paths: string[] = [];
  for (let n = 0; n < 5; n++) {
    await own.partner(`p${n}`);
    paths.push(`/v1/partners/p${n}/subscriptions/${(await own.subscription(`p${n}`, { url: null })).id}/events`);
  }
  const ask = (of: number, wait = '?wait=20s') => own.call('GET', `${paths[of]}${wait}`);
  expect(MOST_WAITING).toBe(4 * MOST_OF_A_PARTNER);
  const waiting = Array.from({ length: MOST_WAITING }, (_, n) => ask(n % 4));
  await until(
    () => looks.at(-1) ?? 0,
    (count) => count === MOST_WAITING, // of one look
  );
  expect(await ask(0)).toMatchObject({ status: 429, body: { code: 'too_many_waiting' } });
  expect(await ask(4)).toMatchObject({ status: 503, body: { code: 'overloaded' }, headers: { 'retry-after': '1' } });
  expect((await ask(4, '')).status).toBe(200); // who does not wait is answered
  await own.app.close();
  expect(new Set((await Promise.all(waiting)).map(({ status }) => status))).toEqual(new Set([200]));
  await own.close();
});

test('large events share a page as far as it goes', async () => {
  for (let n = 0; n < 20; n++) await feed(`"${'x'.repeat(255 * 1024)}"`);
  const { body } = await poll();
  expect(body.data.length).toBeGreaterThan(10);
  expect(body.data.length).toBeLessThan(20);
  const rest = await poll(`?cursor=${body.nextCursor}`);
  expect(body.data.length + rest.body.data.length).toBe(20);
});

test('a test event is found in the feed', async () => {
  const { status, body } = await api.call('POST', `${path}/test`, { key });
  expect([status, body.deliveryId]).toEqual([202, null]);
  expect((await poll()).body.data).toMatchObject([{ id: body.eventId, type: 'postrider.test' }]);
});

test('what cannot be polled, or not like this', async () => {
  const sent = await api.subscription('acme');
  const other = await api.call('GET', `/v1/partners/acme/subscriptions/${sent.id}/events`, { key });
  expect([other.status, other.body.code]).toEqual([409, 'not_polled']);
  expect((await poll('?wait=21s')).status).toBe(422);
  expect((await poll('?wait=soon')).status).toBe(422);
  expect((await poll('?cursor=abc')).body.code).toBe('invalid_cursor');
  const change = { body: { url: 'https://example.com/' }, key };
  expect((await api.call('PATCH', path, change)).body.code).toBe('polled');
  expect((await api.call('PATCH', path, { body: { description: 'x' }, key })).status).toBe(200);
});

test('a stop does not wait for those who wait', async () => {
  const own = await startApi();
  await own.partner('acme');
  const { id } = await own.subscription('acme', { url: null });
  const waiting = own.call('GET', `/v1/partners/acme/subscriptions/${id}/events?wait=20s`);
  const looked = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%feed%' AND pid <> pg_backend_pid()`;
  await until(
    async () => (await own.pool.query(looked)).rows[0].n,
    (n) => n > 0,
  );
  const since = performance.now();
  await Promise.all([own.app.close(), waiting]);
  expect(performance.now() - since).toBeLessThan(5_000);
  expect((await waiting).status).toBe(200);
  await own.close();
});
