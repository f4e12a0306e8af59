import type pg from 'pg';
import type { Outcome } from '../domain/attempt.ts';
import { addTally, count, emptyTally, floorTo, KEPT_SECONDS, type Resolution, type Tally } from '../domain/stats.ts';
import { LOCKS } from './locks.ts';
import { OWNERS, type StatsOwner, type TallyRow, toTally, writeTallies } from './stats-rows.ts';

/** Rows of `uncounted_attempts` in one transaction, of up to 100 attempts each; if some have far more, fewer rows. */
const ROWS_PER_STEP = 100;
const ATTEMPTS_PER_STEP = 10_000;

/**
 * Takes the oldest rows there are. A row written by a transaction that has not ended is not seen and comes next time. Each delivery
 * is one look-up by primary key, in one partition (LIMIT keeps the planner from turning it into a join).
 */
const TAKE = {
  name: 'take-uncounted-attempts',
  text: `
    WITH taken AS MATERIALIZED (
      DELETE FROM uncounted_attempts WHERE ctid = ANY (ARRAY(
        SELECT tid FROM (
          SELECT tid, sum(attempts) OVER (ROWS UNBOUNDED PRECEDING) - attempts AS ahead
          FROM (SELECT ctid AS tid, cardinality(delivery_ids) AS attempts FROM uncounted_attempts LIMIT ${ROWS_PER_STEP}) page
        ) step WHERE ahead < ${ATTEMPTS_PER_STEP}
      ))
      RETURNING *
    )
    SELECT d.subscription_id, s.partner_id, (extract(epoch FROM date_trunc('minute', u.started_at)) * 1000)::float8 AS minute,
      u.outcome, array_to_string(array_agg(u.duration_ms), ' ') AS durations
    FROM taken t
    CROSS JOIN LATERAL unnest(t.delivery_ids, t.started_at, t.outcomes, t.durations_ms)
      AS u (delivery_id, started_at, outcome, duration_ms)
    CROSS JOIN LATERAL (SELECT subscription_id FROM deliveries WHERE id = u.delivery_id LIMIT 1) d
    CROSS JOIN LATERAL (SELECT partner_id FROM subscriptions WHERE id = d.subscription_id LIMIT 1) s
    GROUP BY 1, 2, 3, 4`,
};

interface TakenRow {
  subscription_id: string;
  partner_id: string;
  minute: number;
  outcome: Outcome;
  durations: string;
}

/**
 * Counts attempts that are not in the statistics yet, in one transaction: what is counted is taken off the list of what is not, so
 * every attempt counts once, whenever a process dies.
 *
 * @returns how many groups of attempts were counted; 0: there is nothing to do, or another process is at it
 */
export async function rollUp(pool: pg.Pool, now: Date): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const { rows: locks } = await client.query<{ ours: boolean }>('SELECT pg_try_advisory_xact_lock($1) AS ours', [
      LOCKS.stats,
    ]);
    const { rows } = locks[0]?.ours ? await client.query<TakenRow>(TAKE) : { rows: [] };
    if (rows.length > 0) {
      for (const owner of OWNERS) await addTo(client, owner, tallies(rows, owner, now));
    }
    await client.query('COMMIT');
    return rows.length;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** Drops what no window reads any more. */
export async function pruneStats(pool: pg.Pool): Promise<void> {
  for (const { table, key, owners } of OWNERS) {
    // By owner, along the primary key: there is no index on time.
    const text = `DELETE FROM ${table} t USING ${owners} o WHERE t.${key} = o.id AND t.seconds = $1
      AND t.bucket < now() - make_interval(secs => $2)`;
    for (const [seconds, kept] of Object.entries(KEPT_SECONDS)) await pool.query(text, [seconds, kept]);
  }
}

const RESOLUTIONS: readonly Resolution[] = [60, 3_600];

/** The numbers of what was taken, for each owner's minutes and hours. What is too old to be kept is left out. */
function tallies(rows: readonly TakenRow[], { idOf }: StatsOwner, now: Date): TallyRow[] {
  const all = new Map<string, TallyRow>();
  for (const row of rows) {
    const owner = idOf(row);
    const own = tallyOf(row);
    for (const seconds of RESOLUTIONS) {
      const bucket = floorTo(row.minute, seconds);
      if (bucket < now.getTime() - KEPT_SECONDS[seconds] * 1000) continue;
      const key = `${owner} ${seconds} ${bucket}`;
      const entry = all.get(key) ?? { owner, seconds, bucket, ...emptyTally() };
      addTally(entry, own);
      all.set(key, entry);
    }
  }
  return [...all.values()];
}

function tallyOf({ outcome, durations }: TakenRow): Tally {
  const tally = emptyTally();
  for (const ms of durations.split(' ')) count(tally, outcome, Number(ms));
  return tally;
}

/** Reads what is there, adds, writes: under the lock nobody else does. */
async function addTo(client: pg.PoolClient, owner: StatsOwner, added: readonly TallyRow[]): Promise<void> {
  const keys = [
    added.map((row) => row.owner),
    added.map(({ seconds }) => seconds),
    added.map(({ bucket }) => new Date(bucket).toISOString()),
  ];
  const { rows } = await client.query<{ at: number; outcomes: string; latency: Buffer }>({
    name: `read-${owner.table}`,
    text: `SELECT k.at::int, array_to_string(t.outcomes, ' ') AS outcomes, t.latency
      FROM unnest($1::${owner.type}[], $2::int[], $3::timestamptz[]) WITH ORDINALITY AS k (owner, seconds, bucket, at)
      CROSS JOIN LATERAL (SELECT * FROM ${owner.table} WHERE ${owner.key} = k.owner AND seconds = k.seconds
        AND bucket = k.bucket LIMIT 1) t`,
    values: keys,
  });
  for (const { at, ...row } of rows) addTally(added[at - 1] as TallyRow, toTally(row));
  await writeTallies(client, owner, keys, added);
}
