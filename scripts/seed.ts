/**
 * Fills a database with a week of traffic, in SQL: 20 partners with 2–6 subscriptions each, and one with 5,000. Of the deliveries
 * 97 % have succeeded, 1 % each are exhausted, pending and canceled; 1.1 attempts each. About 20 s for each million.
 *
 *   npm run seed -- --deliveries 3000000
 *
 * Without DATABASE_URL it fills an embedded Postgres in DATA_DIR (or a new temporary folder), which later runs of the benches may
 * use: they take the same DATA_DIR.
 */
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '../src/embedded/index.ts';
import { rollUp } from '../src/store/hot-stats.ts';
import { migrate } from '../src/store/migrate.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { createPool, HOT_SETTINGS } from '../src/store/pool.ts';
import { seed } from './seeding.ts';

/** What is lost in a crash is seeded again. */
const FAST = { fsync: 'off', full_page_writes: 'off', shared_buffers: '512MB', max_wal_size: '8GB' };

const { values } = parseArgs({ options: { deliveries: { type: 'string', default: '3000000' } } });
const deliveries = Number(values.deliveries);
if (!Number.isInteger(deliveries) || deliveries < 1) throw new Error('--deliveries takes a whole number from 1');

const { url, stop } = await database();
const settings = { ...HOT_SETTINGS, synchronous_commit: 'off', work_mem: '64MB' };
const pool = createPool({ url, max: 1, applicationName: 'postrider-seed', settings });
try {
  const started = performance.now();
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(0)} s`;
  await migrate(url);
  await ensurePartitions(pool, 8);
  await seed(pool, { deliveries, days: 7, progress: (done) => console.log(`${seconds()}: ${done} deliveries`) });
  while ((await rollUp(pool, new Date())) > 0);
  console.log(`${seconds()}: statistics`);
  for (const table of ['events', 'deliveries', 'attempts']) await analyze(table);
  console.log(`${seconds()}: done`);
} finally {
  await pool.end();
  await stop();
}

async function analyze(table: string): Promise<void> {
  const sql = `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = $1::regclass`;
  const { rows } = await pool.query<{ name: string }>(sql, [table]);
  // The client's own time limit is for answers that people wait for.
  for (const { name } of rows) await pool.query({ text: `VACUUM ANALYZE ${name}`, query_timeout: 600_000 } as never);
}

async function database(): Promise<{ url: string; stop: () => Promise<void> }> {
  if (process.env.DATABASE_URL) return { url: process.env.DATABASE_URL, stop: async () => {} };
  const dataDir = process.env.DATA_DIR ?? (await mkdtemp(join(tmpdir(), 'postrider-seed-')));
  const postgres = await startPostgres({ dataDir, settings: FAST });
  console.log(`embedded Postgres in ${dataDir}`);
  return { url: postgres.url, stop: () => postgres.stop() };
}
