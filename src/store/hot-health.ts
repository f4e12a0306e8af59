import type pg from 'pg';
import type { Health } from '../domain/breaker.ts';

/** A row as Postgres gives it, or as its JSON in a notification. */
export interface HealthRow {
  readonly breaker: Health['breaker'];
  readonly since: Date | string;
  readonly not_before: Date | string | null;
  readonly pauses: number;
  readonly failing_since: Date | string | null;
  readonly warned_percent: number;
  readonly announced: boolean;
}

const time = (value: Date | string | null): Date | null => (value === null ? null : new Date(value));

export const toHealth = (row: HealthRow): Health => ({
  breaker: row.breaker,
  since: new Date(row.since),
  notBefore: time(row.not_before),
  pauses: row.pauses,
  failingSince: time(row.failing_since),
  warnedPercent: row.warned_percent,
  announced: row.announced,
});

/** Every subscription in trouble. */
export async function loadHealth(pool: pg.Pool): Promise<Map<string, Health>> {
  const { rows } = await pool.query<HealthRow & { subscription_id: string }>('SELECT * FROM subscription_health');
  return new Map(rows.map((row) => [row.subscription_id, toHealth(row)]));
}

const WRITE = `
  INSERT INTO subscription_health
    (subscription_id, breaker, since, not_before, pauses, failing_since, warned_percent, announced)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (subscription_id) DO UPDATE SET breaker = excluded.breaker, since = excluded.since,
    not_before = excluded.not_before, pauses = excluded.pauses, failing_since = excluded.failing_since,
    warned_percent = excluded.warned_percent, announced = excluded.announced`;

/** Changes a subscription's health under a lock of its own, so that workers follow one another; null: it is well. */
export async function changeHealth(
  pool: pg.Pool,
  subscriptionId: string,
  change: (health: Health | null) => Health | null,
): Promise<Health | null> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    // A row that is not there cannot be locked; the partner's subscription always is.
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [subscriptionId]);
    const select = 'SELECT * FROM subscription_health WHERE subscription_id = $1 FOR UPDATE';
    const { rows } = await client.query<HealthRow>(select, [subscriptionId]);
    const before = rows[0] ? toHealth(rows[0]) : null;
    const after = change(before);
    if (!after) await client.query('DELETE FROM subscription_health WHERE subscription_id = $1', [subscriptionId]);
    else if (after !== before) await client.query(WRITE, [subscriptionId, ...columns(after)]);
    await client.query('COMMIT');
    broken = false;
    return after;
  } finally {
    client.release(broken);
  }
}

const columns = (health: Health): unknown[] => [
  health.breaker,
  health.since.toISOString(),
  health.notBefore?.toISOString() ?? null,
  health.pauses,
  health.failingSince?.toISOString() ?? null,
  health.warnedPercent,
  health.announced,
];
