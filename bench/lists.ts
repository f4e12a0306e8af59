/**
 * Every list and filter on a database that `npm run seed` has filled (DATABASE_URL, or the same DATA_DIR): how long the first page
 * and one from the middle take, the median of seven, and how the plan reads the hot tables (all of it with --plan).
 */
import type pg from 'pg';
import { listCases, plansOf, scansOf } from '../scripts/list-cases.ts';
import { startPostgres } from '../src/embedded/index.ts';
import { createPool, READ_SETTINGS } from '../src/store/pool.ts';
import { createStatsReads } from '../src/store/stats.ts';

const LIMIT = 50;
const RUNS = 7;

const dataDir = process.env.DATA_DIR;
if (!process.env.DATABASE_URL && !dataDir)
  throw new Error('set DATABASE_URL or DATA_DIR to what npm run seed has filled');
const postgres = process.env.DATABASE_URL
  ? { url: process.env.DATABASE_URL, stop: async () => {} }
  : await startPostgres({ dataDir: dataDir as string, settings: { shared_buffers: '512MB' } });
const pool = createPool({ url: postgres.url, max: 1, applicationName: 'bench', settings: READ_SETTINGS });
try {
  const table: Record<string, object> = {};
  for (const { name, page, deep } of await listCases(pool)) {
    const first = await median(() => page(pool, { limit: LIMIT }));
    const middle = await median(() => page(pool, { limit: LIMIT, before: deep }));
    table[name] = {
      'first ms': first.ms,
      'deep ms': middle.ms,
      rows: `${first.value.data.length}/${middle.value.data.length}${first.value.nextCursor ? ' …' : ''}`,
      scans: await scans((listening) => page(listening, { limit: LIMIT })),
    };
  }
  const { rows } = await pool.query<{ id: string }>(
    `SELECT id FROM subscriptions WHERE partner_id = 'partner-1' LIMIT 1`,
  );
  const stats = createStatsReads(pool);
  for (const window of ['1h', '24h', '7d', '30d'] as const) {
    const ofSubscription = () => stats.ofSubscription(rows[0]?.id as string, window, new Date());
    const ofPartner = () => stats.ofPartner('many', window, new Date());
    table[`statistics of a subscription, ${window}`] = { 'first ms': (await median(ofSubscription)).ms };
    table[`statistics of a partner, ${window}`] = { 'first ms': (await median(ofPartner)).ms };
  }
  console.table(table);
} finally {
  await pool.end();
  await postgres.stop();
}

async function median<T>(call: () => Promise<T>): Promise<{ ms: number; value: T }> {
  let value = await call();
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const started = performance.now();
    value = await call();
    times.push(performance.now() - started);
  }
  const ms = times.sort((one, other) => one - other)[(RUNS - 1) / 2] as number;
  return { ms: Number(ms.toFixed(1)), value };
}

async function scans(read: (pool: pg.Pool) => Promise<unknown>): Promise<string> {
  const plans = await plansOf(pool, read);
  if (process.argv.includes('--plan')) console.log(plans.join('\n\n'));
  return [...new Set(plans.flatMap(scansOf))].filter((scan) => / (events|deliveries|attempts)$/.test(scan)).join(', ');
}
