import type pg from 'pg';

/** What waits in Postgres, counted up to bounds. */
export interface Backlog {
  readonly due: number;
  readonly scheduled: number;
  readonly held: number;
  readonly overdueSeconds: number;
  readonly breakersOpen: number;
  readonly breakersHalfOpen: number;
  readonly subscriptionsEnabled: number;
  readonly recoveriesRunning: number;
  readonly deadLettersWaiting: number;
  readonly statsLagSeconds: number;
}

/** So many pending deliveries are looked at: some 20 ms' worth of an index. */
const MOST_PENDING = 50_000;

/**
 * One statement for all, out of indexes. Pending deliveries come in the order of their subscriptions, so beyond the bound
 * whole subscriptions are left out. Held: nothing attempts it now, since its subscription is disabled or its breaker open.
 */
const BACKLOG = `
  WITH counted AS (
    SELECT subscription_id, count(*) AS pending, count(*) FILTER (WHERE next_attempt_at <= now()) AS due,
      min(next_attempt_at) AS first_at
    FROM (SELECT subscription_id, next_attempt_at FROM deliveries WHERE state = 'pending' LIMIT ${MOST_PENDING}) page
    GROUP BY subscription_id
  ), judged AS (
    SELECT c.*, h.subscription_id IS NOT NULL OR NOT (s.enabled OR s.deleted_at IS NOT NULL) AS held
    FROM counted c JOIN subscriptions s ON s.id = c.subscription_id
    LEFT JOIN subscription_health h ON h.subscription_id = c.subscription_id AND h.breaker <> 'closed'
  )
  SELECT
    coalesce(sum(due) FILTER (WHERE NOT held), 0)::int AS "due",
    coalesce(sum(pending - due) FILTER (WHERE NOT held), 0)::int AS "scheduled",
    coalesce(sum(pending) FILTER (WHERE held), 0)::int AS "held",
    greatest(0, coalesce(extract(epoch FROM now() - min(first_at) FILTER (WHERE NOT held)), 0))::float8 AS "overdueSeconds",
    (SELECT count(*) FROM subscription_health WHERE breaker = 'open')::int AS "breakersOpen",
    (SELECT count(*) FROM subscription_health WHERE breaker = 'half_open')::int AS "breakersHalfOpen",
    (SELECT count(*) FROM (SELECT FROM subscriptions WHERE enabled AND deleted_at IS NULL LIMIT 100000) s)::int
      AS "subscriptionsEnabled",
    (SELECT count(*) FROM recoveries WHERE state = 'running')::int AS "recoveriesRunning",
    (SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'waiting' LIMIT 10000) d)::int AS "deadLettersWaiting",
    greatest(0, coalesce((SELECT extract(epoch FROM now() - started_at[1]) FROM uncounted_attempts LIMIT 1), 0))::float8
      AS "statsLagSeconds"
  FROM judged`;

/** Counts what waits. Gives up after 2 s: a busy database has better things to do. */
export async function readBacklog(pool: pg.Pool): Promise<Backlog> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query(`SET statement_timeout = '2s'`);
    const { rows } = await client.query<Backlog>({ name: 'backlog', text: BACKLOG });
    await client.query('RESET statement_timeout');
    broken = false;
    return rows[0] as Backlog;
  } finally {
    client.release(broken);
  }
}
