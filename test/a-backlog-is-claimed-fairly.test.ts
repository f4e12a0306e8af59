import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../src/domain/ids.ts';
import { CLAIM, claimDueDeliveries } from '../src/store/hot-claims.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { createPool, HOT_SETTINGS } from '../src/store/pool.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

const BACKLOG = 100_000;

let database: TestDatabase;
let pool: ReturnType<typeof createPool>;
let seed: pg.Pool; // without the statement time-out of the hot pools
const subscriptions = Array.from({ length: 60 }, newId).toSorted();

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test', settings: HOT_SETTINGS });
  seed = new pg.Pool({ connectionString: database.url, max: 1 });
  await ensurePartitions(pool);
  await pool.query(`INSERT INTO partners (id, name) VALUES ('acme', 'Acme')`);
  const insert = `INSERT INTO subscriptions (id, partner_id, url, event_types) SELECT id, 'acme', 'https://x/', '{*}' FROM unnest($1::uuid[]) id`;
  await pool.query(insert, [subscriptions]);
  // The first has the backlog, due for longest; the others have three each.
  await due(subscriptions[0] as string, BACKLOG, '1 hour');
  for (const id of subscriptions.slice(1)) await due(id, 3, '1 second');
});
afterAll(async () => {
  await seed.end();
  await pool.end();
  await database.drop();
});

async function due(subscriptionId: string, count: number, since: string): Promise<void> {
  await seed.query(
    `WITH ids AS (
       SELECT (left("uuid_floor"(now())::text, 14) || '7' || substr(t, 2, 3) || '-8' || substr(t, 5, 3) || '-' || substr(t, 8, 12))::uuid AS id
       FROM generate_series(1, $2::int) n, md5($1::text || n) t
     ), made AS (
       INSERT INTO events (id, lease_until, fan_out, partner_id, type, data) SELECT id, now(), 1, 'acme', 'a', '{}' FROM ids
     )
     INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, state, event_type)
     SELECT id, $1::uuid, id, now() - $3::interval, 'pending', 'a' FROM ids`,
    [subscriptionId, count, since],
  );
}

it('100,000 due deliveries of one subscription do not keep another’s waiting', async () => {
  const request = { limit: 100, perSubscription: 16, free: new Map<string, number>(), defaultTimeoutMs: 15_000 };
  const served = new Map<string, number>();
  let after = '00000000-0000-0000-0000-000000000000';
  for (let claim = 0; claim < 3; claim++) {
    const { claimed, next } = await claimDueDeliveries(pool, { ...request, after });
    for (const { subscriptionId } of claimed) served.set(subscriptionId, (served.get(subscriptionId) ?? 0) + 1);
    after = next;
  }
  for (const id of subscriptions.slice(1)) expect(served.get(id)).toBe(3);
  expect(served.get(subscriptions[0] as string)).toBeLessThanOrEqual(3 * 16);
});

it('a subscription with no free slot is passed by, and one with two free slots gives two', async () => {
  const backlogged = subscriptions[0] as string;
  const free = new Map([[backlogged, 0]]);
  const request = { limit: 100, perSubscription: 16, defaultTimeoutMs: 15_000 };
  const after = '00000000-0000-0000-0000-000000000000';
  const none = await claimDueDeliveries(pool, { ...request, free, after });
  expect(none.claimed.filter(({ subscriptionId }) => subscriptionId === backlogged)).toEqual([]);
  const two = await claimDueDeliveries(pool, { ...request, free: new Map([[backlogged, 2]]), after });
  expect(two.claimed.filter(({ subscriptionId }) => subscriptionId === backlogged)).toHaveLength(2);
});

it('ordered subscriptions among unordered ones with a backlog are served in their turn', async () => {
  await seed.query(`UPDATE deliveries SET state = 'canceled', next_attempt_at = NULL WHERE state = 'pending'`);
  const unordered = subscriptions.slice(1, 41);
  const ordered = [subscriptions[0], subscriptions[20], subscriptions[59]] as string[];
  for (const id of [...unordered, ...ordered]) await due(id, 30, '10 seconds');
  await pool.query('UPDATE subscriptions SET ordered = true WHERE id = ANY($1)', [ordered]);
  const request = { limit: 64, perSubscription: 16, free: new Map<string, number>(), defaultTimeoutMs: 15_000 };
  const served = new Set<string>();
  let after = '00000000-0000-0000-0000-000000000000';
  for (let claim = 0; claim < 3; claim++) {
    const { claimed, next } = await claimDueDeliveries(pool, { ...request, after });
    for (const { subscriptionId } of claimed) served.add(subscriptionId);
    after = next;
  }
  expect([...served].toSorted()).toEqual([...new Set([...unordered, ...ordered])].toSorted());
});

it('the plan reads the hot tables through their indexes only', async () => {
  const literals = [`'00000000-0000-0000-0000-000000000000'`, '100', `'{}'`, `'{}'`, '15000', '16'];
  const text = CLAIM.text.replace(/\$(\d)/g, (_, index) => literals[Number(index) - 1] as string);
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`);
  const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
  expect(plan).toContain('Index Only Scan using deliveries_');
  expect(plan).not.toMatch(/Seq Scan on (events|deliveries|attempts)/);
});
