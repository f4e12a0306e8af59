import type pg from 'pg';
import type { Health, SharedHealth } from '../domain/breaker.ts';

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

/** Waits for a change of the subscription that is under way, and keeps the next one out: it would forget this row by its trigger. */
const CURRENT = `
  SELECT updated_at FROM subscriptions WHERE id = $1 AND url = $2 AND enabled AND deleted_at IS NULL FOR SHARE`;

/**
 * Changes a subscription's health under a lock of its own, so that workers follow one another; null: it is well. Only while the
 * subscription is what was attempted: the late failure of an old URL says nothing about the new one.
 */
export async function changeHealth(
  pool: pg.Pool,
  { id, url }: { readonly id: string; readonly url: string },
  change: (health: Health | null) => Health | null,
): Promise<SharedHealth> {
  const client = await pool.connect();
  let broken = true;
  try {
    await client.query('BEGIN');
    // A row that is not there cannot be locked; the partner's subscription always is.
    await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [id]);
    const current = await client.query<{ updated_at: Date }>(CURRENT, [id, url]);
    const select = 'SELECT * FROM subscription_health WHERE subscription_id = $1 FOR UPDATE';
    const { rows } = await client.query<HealthRow>(select, [id]);
    const before = rows[0] ? toHealth(rows[0]) : null;
    const updatedAt = current.rows[0]?.updated_at ?? null;
    const after = updatedAt ? change(before) : before;
    if (after !== before) await write(client, id, after);
    await client.query('COMMIT');
    broken = false;
    return { health: after, updatedAt };
  } finally {
    client.release(broken);
  }
}

async function write(client: pg.PoolClient, id: string, health: Health | null): Promise<void> {
  if (health) await client.query(WRITE, [id, ...columns(health)]);
  else await client.query('DELETE FROM subscription_health WHERE subscription_id = $1', [id]);
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
