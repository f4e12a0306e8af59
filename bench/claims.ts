/**
 * Claims among a backlog: 100,000 due deliveries of one subscription, 10 of each of 200 others. Prints how long a claim takes,
 * what the others get of it, and how the plan reads the hot tables (all of it with --plan).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startPostgres } from '../src/embedded/index.ts';
import { CLAIM, claimDueDeliveries } from '../src/store/hot-claims.ts';
import { migrate } from '../src/store/migrate.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { createPool, HOT_SETTINGS } from '../src/store/pool.ts';

const BACKLOG = 100_000;
const OTHERS = 200;

const dataDir = await mkdtemp(join(tmpdir(), 'postrider-claims-'));
const postgres = await startPostgres({ dataDir });
await migrate(postgres.url);
const pool = createPool({ url: postgres.url, max: 2, applicationName: 'bench', settings: HOT_SETTINGS });
try {
  await ensurePartitions(pool);
  await seed();
  const limits = { limit: 128, perSubscription: 16, defaultTimeoutMs: 15_000, free: new Map<string, number>() };
  let after = '00000000-0000-0000-0000-000000000000';
  for (let claim = 1; claim <= 8; claim++) {
    const started = performance.now();
    const { claimed, next } = await claimDueDeliveries(pool, { ...limits, after });
    const ms = performance.now() - started;
    const subscriptions = new Set(claimed.map(({ subscriptionId }) => subscriptionId)).size;
    console.log(`claim ${claim}: ${ms.toFixed(1)} ms, ${claimed.length} deliveries of ${subscriptions} subscriptions`);
    after = next;
  }
  const values = [after, limits.limit, [], [], limits.defaultTimeoutMs, limits.perSubscription];
  const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
    `EXPLAIN (ANALYZE, COSTS OFF) ${withValues(CLAIM.text, values)}`,
  );
  const plan = rows.map((row) => row['QUERY PLAN']);
  const scans = plan.flatMap(
    (line) => / (\w+(?: Only)? Scan) (?:using \S+ )?on (events|deliveries)_/.exec(line)?.slice(1, 3).join(' on ') ?? [],
  );
  console.log(`plan: ${[...new Set(scans)].join(', ')}; ${plan.at(-1)?.trim()}`);
  if (process.argv.includes('--plan')) console.log(plan.join('\n'));
} finally {
  await pool.end();
  await postgres.stop();
  await rm(dataDir, { recursive: true, force: true });
}

/** EXPLAIN takes no parameters in a prepared statement's place: they are written out. */
function withValues(text: string, values: readonly unknown[]): string {
  return text.replace(/\$(\d)/g, (_, index) => {
    const value = values[Number(index) - 1];
    return Array.isArray(value) ? `'{}'` : `'${value}'`;
  });
}

async function seed(): Promise<void> {
  await pool.query(`INSERT INTO partners (id, name) VALUES ('acme', 'Acme')`);
  await pool.query(`INSERT INTO subscriptions (id, partner_id, url, event_types)
    SELECT gen_random_uuid(), 'acme', 'https://example.com/', '{*}' FROM generate_series(0, ${OTHERS})`);
  const patient = new pg.Client({ connectionString: postgres.url });
  await patient.connect();
  await patient.query(`
    WITH subs AS (SELECT id, row_number() OVER (ORDER BY id) AS nth FROM subscriptions),
    due AS (
      SELECT s.id AS subscription_id, overlay(overlay(md5(s.id::text || n) placing '7' from 13) placing '8' from 17) AS tail
      FROM subs s CROSS JOIN LATERAL generate_series(1, CASE WHEN s.nth = 1 THEN ${BACKLOG} ELSE 10 END) n
    ), ids AS (
      SELECT subscription_id, (left(replace("uuid_floor"(now())::text, '-', ''), 12) || substr(tail, 13))::uuid AS id FROM due
    ), made AS (
      INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
      SELECT id, now(), 1, 'acme', 'order.created', '{}' FROM ids ON CONFLICT DO NOTHING
    )
    INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, state, event_type)
    SELECT id, subscription_id, id, now() - interval '1 minute', 'pending', 'order.created' FROM ids ON CONFLICT DO NOTHING`);
  await patient.end();
}
