import { afterAll, beforeAll, expect, test } from 'vitest';
import { parsePublicId } from '../../src/domain/ids.ts';
import { OUTCOMES } from '../../src/domain/stats.ts';
import { pruneStats, rollUp } from '../../src/store/hot-stats.ts';
import { putDelivery, putEvent } from './records.ts';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
const keys: Record<string, string> = {};
const subscriptions: string[] = [];

beforeAll(async () => {
  api = await startApi();
  for (const id of ['acme', 'rival']) keys[id] = (await api.partner(id)).key;
  for (const id of ['acme', 'acme', 'rival']) subscriptions.push((await api.subscription(id)).id);
  let n = 0;
  for (const subscriptionId of subscriptions) {
    const partnerId = subscriptionId === subscriptions[2] ? 'rival' : 'acme';
    for (let event = 0; event < 20; event++) {
      const eventId = await putEvent(api.pool, partnerId);
      const id = await putDelivery(api.pool, { eventId, subscriptionId, attempts: 0 });
      await putAttempts(id, n++);
    }
  }
});
afterAll(() => api.close());

/** Attempts of every outcome, some minutes, hours and days ago, in one statement. */
const putAttempts = (deliveryId: string, n: number) =>
  api.pool.query(
    `INSERT INTO attempts (delivery_id, started_at, number, duration_ms, trigger, outcome, reused, url, signature)
     SELECT $1, now() - make_interval(mins => (power(number, 4) * 5)::int + $2), number, 10 * number + $2, 'automatic',
       (enum_range(NULL::attempt_outcome))[1 + (number + $2) % 7], true, 'https://example.com/', 'v1,x'
     FROM generate_series(0, $2 % 9) number`,
    [deliveryId, n],
  );

const stats = (path: string, key?: string) => api.call('GET', `/v1/partners/${path}`, key ? { key } : {});

/** What the attempts table says of a subscription, or of all of a partner's, from a time on. */
async function counted(column: 'partner_id' | 'id', value: string, since: string) {
  const { rows } = await api.pool.query<{ outcome: string; count: number; ms: number[] }>(
    `SELECT a.outcome, count(*)::int AS count, array_agg(a.duration_ms::float8) AS ms FROM attempts a
     JOIN deliveries d ON d.id = a.delivery_id JOIN subscriptions s ON s.id = d.subscription_id
     WHERE s.${column} = $1 AND a.started_at >= $2 GROUP BY 1`,
    [value, since],
  );
  const outcomes = Object.fromEntries(OUTCOMES.map((name) => [name, 0]));
  for (const { outcome, count } of rows) outcomes[outcome] = count;
  return { outcomes, durations: rows.flatMap(({ ms }) => ms).sort((one, other) => one - other) };
}

async function expectExact(path: string, column: 'partner_id' | 'id', value: string) {
  for (const window of ['1h', '24h', '7d', '30d']) {
    const { status, body } = await stats(`${path}/stats?window=${window}`);
    expect(status).toBe(200);
    const { outcomes, durations } = await counted(column, value, body.since);
    expect(body.total.outcomes).toEqual(outcomes);
    expect(body.total.attempts).toBe(durations.length);
    const sum = (name: string) =>
      body.buckets.reduce(
        (all: number, { outcomes }: { outcomes: Record<string, number> }) => all + (outcomes[name] ?? 0),
        0,
      );
    for (const name of OUTCOMES) expect(sum(name)).toBe(outcomes[name]);
    for (const share of [50, 95, 99]) {
      const exact = durations[Math.ceil((share / 100) * durations.length) - 1] as number;
      expect(Math.abs(body.total.latencyMs[`p${share}`] - exact)).toBeLessThanOrEqual(exact * 0.05);
    }
  }
}

async function expectAllExact() {
  await expectExact('acme', 'partner_id', 'acme');
  await expectExact('rival', 'partner_id', 'rival');
  for (const [at, id] of subscriptions.entries()) {
    const partner = at === 2 ? 'rival' : 'acme';
    await expectExact(`${partner}/subscriptions/${id}`, 'id', parsePublicId('sub', id) as string);
  }
}

test('exactly, by subscription and by partner, in every window', async () => {
  expect(await rollUp(api.pool, new Date())).toBeGreaterThan(0);
  expect(await rollUp(api.pool, new Date())).toBe(0);
  await expectAllExact();
});

test('again when more came, counted by several processes at once', async () => {
  for (let n = 0; n < 150; n++) {
    const eventId = await putEvent(api.pool, 'acme');
    const id = await putDelivery(api.pool, { eventId, subscriptionId: subscriptions[n % 2] as string, attempts: 0 });
    await putAttempts(id, n);
  }
  await Promise.all([1, 2, 3, 4].map(() => rollUp(api.pool, new Date())));
  while ((await rollUp(api.pool, new Date())) > 0);
  await expectAllExact();
});

test('an attempt that is recorded twice counts once; one of a transaction under way counts when it ends', async () => {
  const eventId = await putEvent(api.pool, 'acme');
  const id = await putDelivery(api.pool, { eventId, subscriptionId: subscriptions[0] as string, attempts: 0 });
  const insert = `INSERT INTO attempts (delivery_id, started_at, number, duration_ms, trigger, outcome, reused, url, signature)
    VALUES ('${id}', now(), 1, 5, 'manual', 'succeeded', true, 'https://example.com/', 'v1,x') ON CONFLICT DO NOTHING`;
  const client = await api.pool.connect();
  await client.query('BEGIN');
  await client.query(insert);
  expect(await rollUp(api.pool, new Date())).toBe(0);
  await client.query('COMMIT');
  client.release();
  await api.pool.query(insert);
  expect(await rollUp(api.pool, new Date())).toBe(1);
  await expectAllExact();
});

test('a count that fails half-way leaves everything as it was', async () => {
  const eventId = await putEvent(api.pool, 'acme');
  await putAttempts(
    await putDelivery(api.pool, { eventId, subscriptionId: subscriptions[0] as string, attempts: 0 }),
    8,
  );
  await api.pool.query('ALTER TABLE partner_stats RENAME TO away');
  await expect(rollUp(api.pool, new Date())).rejects.toThrow('partner_stats');
  await api.pool.query('ALTER TABLE away RENAME TO partner_stats');
  await rollUp(api.pool, new Date());
  await expectAllExact();
});

test('what no window reads any more is dropped, the rest stays', async () => {
  for (const [seconds, age] of [
    [60, '26 hours'],
    [3600, '26 hours'],
    [3600, '32 days'],
  ]) {
    await api.pool.query(
      `INSERT INTO partner_stats VALUES ('acme', $1, date_trunc('hour', now() - $2::interval), '{1,0,0,0,0,0,0}', '')
      ON CONFLICT DO NOTHING`,
      [seconds, age],
    );
  }
  await pruneStats(api.pool);
  const { rows } = await api.pool.query(`SELECT seconds, min(bucket) > now() - interval '26 hours' AS young,
    min(bucket) > now() - interval '32 days' AS kept FROM partner_stats GROUP BY 1 ORDER BY 1`);
  expect(rows).toEqual([
    { seconds: 60, young: true, kept: true },
    { seconds: 3600, young: false, kept: true },
  ]);
});

test('a partner reads its own only', async () => {
  expect((await stats('rival/stats', keys.rival as string)).status).toBe(200);
  for (const path of [
    'acme/stats',
    `acme/subscriptions/${subscriptions[0]}/stats`,
    `rival/subscriptions/${subscriptions[0]}/stats`,
  ]) {
    expect(await stats(path, keys.rival as string)).toMatchObject({ status: 404, body: { code: 'not_found' } });
  }
});

test('24h is the default; other windows are refused', async () => {
  const { body } = await stats('acme/stats');
  expect(body).toMatchObject({ window: '24h', bucketSeconds: 900 });
  expect(body.buckets).toHaveLength(96);
  expect(await stats('acme/stats?window=2h')).toMatchObject({ status: 422, body: { code: 'validation_failed' } });
  expect((await stats('acme/stats?window=1h&windows=1h')).status).toBe(422);
});
