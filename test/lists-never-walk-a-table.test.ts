import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { listCases, plansOf, scansOf } from '../scripts/list-cases.ts';
import { seed } from '../scripts/seeding.ts';
import { createAuditReads } from '../src/store/audit-reads.ts';
import { createDeliveryReads } from '../src/store/deliveries.ts';
import { rollUp } from '../src/store/hot-stats.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { createPool, READ_SETTINGS } from '../src/store/pool.ts';
import { createPrisma } from '../src/store/prisma.ts';
import { createStatsReads } from '../src/store/stats.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';

let database: TestDatabase;
let pool: pg.Pool;

const PAGE = { limit: 50 };

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test', settings: READ_SETTINGS });
  await ensurePartitions(pool, 3);
  await seed(pool, { deliveries: 50_000, days: 2, many: 300 });
  await pool.query('ANALYZE');
  while ((await rollUp(pool, new Date())) > 0);
}, 240_000);
afterAll(async () => {
  await pool.end();
  await database.drop();
});

test('every list and filter of deliveries and events reads indexes only', async () => {
  const cases = await listCases(pool);
  expect(cases.length).toBeGreaterThan(30);
  for (const { name, page, deep } of cases) {
    for (const asked of [PAGE, { ...PAGE, before: deep }]) {
      const plans = await plansOf(pool, (listening) => page(listening, asked));
      const scans = plans.flatMap(scansOf).filter((scan) => / on (events|deliveries|attempts)$/.test(scan));
      expect(`${name}: ${scans.length}`).not.toBe(`${name}: 0`);
      for (const scan of scans) expect(`${name}: ${scan}`).toMatch(/: Index (Only )?Scan on /);
      expect(`${name}: ${plans.join('\n')}`).not.toMatch(
        /(Seq|Bitmap Heap) Scan on (events|deliveries|attempts|subscriptions)/,
      );
    }
  }
}, 60_000);

test('statistics read their rows by key', async () => {
  const stats = createStatsReads(pool);
  const plans = await plansOf(pool, (listening) => createStatsReads(listening).ofPartner('many', '7d', new Date()));
  expect(plans.join('\n')).toMatch(/Index Scan using partner_stats_pkey/);
  const buckets = await stats.ofPartner('partner-1', '7d', new Date());
  const { rows } = await pool.query<{ count: number }>(
    `SELECT count(*)::int FROM attempts a JOIN events e ON a.delivery_id BETWEEN (left(e.id::text, 18) || '-0000-000000000000')::uuid
       AND (left(e.id::text, 18) || '-ffff-ffffffffffff')::uuid WHERE e.partner_id = 'partner-1'`,
  );
  const sum = buckets.flatMap(({ outcomes }) => outcomes).reduce((all, each) => all + each, 0);
  expect(sum).toBe(rows[0]?.count);
}, 60_000);

test('a filter for what is rare gives short pages, and all there is by the end', async () => {
  const cases = await listCases(pool);
  const rare = cases.filter(({ name }) => /rare type$/.test(name));
  expect(rare.length).toBe(3);
  for (const { name, page } of rare) {
    const found: string[] = [];
    let before: string | undefined;
    let pages = 0;
    do {
      const { data, nextCursor } = await page(pool, { limit: 1, before });
      found.push(...data.map(({ id }) => id));
      before =
        nextCursor === null ? undefined : (Buffer.from(nextCursor, 'base64url').toString().split(' ')[1] as string);
      pages++;
    } while (before !== undefined && pages < 100);
    expect(found).toEqual([...new Set(found)].sort().reverse());
    expect(pages).toBeLessThan(100);
    const { rows } = await pool.query<{ ids: string[] | null }>(
      name.startsWith('events')
        ? `SELECT array_agg(id::text ORDER BY id DESC) AS ids FROM events WHERE type = 'dispute.opened' AND partner_id = 'partner-1'`
        : `SELECT array_agg(d.id::text ORDER BY d.id DESC) AS ids FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
           WHERE event_type = 'dispute.opened' AND s.partner_id = $1`,
      name.startsWith('events') ? [] : [name.startsWith('of') ? 'many' : 'partner-1'],
    );
    expect(found).toEqual(rows[0]?.ids ?? []);
  }
}, 60_000);

test('the audit trail, which is never pruned, is looked through for an action a stretch at a time', async () => {
  await pool.query(
    `INSERT INTO audit (id, at, actor, action, partner_id, subject_type, subject_id)
     SELECT gen_random_uuid(), now(), 'settings', CASE n % 4000 WHEN 7 THEN 'partner.deleted' ELSE 'subscription.updated' END,
       CASE n % 2 WHEN 0 THEN 'many' ELSE 'partner-1' END, 'subscription', 'x' FROM generate_series(1, 20000) n`,
  );
  await pool.query('ANALYZE audit');
  for (const [partnerId, found] of [
    [undefined, 5],
    ['partner-1', 5],
    ['many', 0],
  ] as const) {
    const filter = { action: 'partner.deleted', partnerId };
    const prisma = createPrisma(pool);
    const plans = await plansOf(pool, (listening) => createAuditReads(prisma, listening).list(filter, PAGE));
    expect(plans).toHaveLength(1); // where the page ends
    for (const scan of plans.flatMap(scansOf)) expect(scan).toMatch(/^Index (Only )?Scan on audit$/);
    const reads = createAuditReads(prisma, pool);
    const ids: string[] = [];
    let [before, pages]: [string | undefined, number] = [undefined, 0];
    do {
      const { data, nextCursor } = await reads.list(filter, { ...PAGE, before });
      ids.push(...data.map(({ id }) => id));
      before =
        nextCursor === null ? undefined : (Buffer.from(nextCursor, 'base64url').toString().split(' ')[1] as string);
      pages++;
    } while (before !== undefined && pages < 100);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
    expect([ids.length, pages]).toEqual([found, partnerId === undefined ? 11 : 6]);
  }
}, 60_000);

test('a state that is rare among an event’s thousands of deliveries gives short pages, and all there is by the end', async () => {
  await pool.query(`INSERT INTO partners (id, name) VALUES ('wide', 'Wide')`);
  await pool.query(
    `WITH subscription AS (
       INSERT INTO subscriptions (id, partner_id, url, event_types) VALUES (gen_random_uuid(), 'wide', 'https://x/', '{*}') RETURNING id
     ), made AS (
       INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
       SELECT (left(uuid_floor(now() - n * interval '1 second')::text, 14) || '7000-8000-000000000000')::uuid, now(), 3000, 'wide', 'a', '1'
       FROM generate_series(1, 3) n RETURNING id
     )
     INSERT INTO deliveries (id, subscription_id, event_id, finished_at, state, event_type)
     SELECT (left(m.id::text, 18) || '-8000-' || lpad(to_hex(n), 12, '0'))::uuid, s.id, m.id, now(),
       CASE WHEN n = 7 THEN 'succeeded' ELSE 'exhausted' END::delivery_state, 'a'
     FROM made m, subscription s, generate_series(1, 3000) n`,
  );
  const reads = createDeliveryReads(pool);
  const found: string[] = [];
  let before: string | undefined;
  let pages = 0;
  do {
    const { data, nextCursor } = await reads.list('wide', { state: 'succeeded' }, { limit: 50, before });
    if (pages === 0) expect(data).toEqual([]); // it has looked at 2,000 of the first 3,000
    found.push(...data.map(({ id }) => id));
    before = nextCursor === null ? undefined : Buffer.from(nextCursor, 'base64url').toString().split(' ')[1];
    pages++;
  } while (before !== undefined);
  expect(pages).toBe(5);
  expect(found).toHaveLength(3);
  expect(found).toEqual([...new Set(found)].sort().reverse());
});
