import type pg from 'pg';
import type { Event } from '../domain/event.ts';
import { timeOfId, uuidFloor } from '../domain/ids.ts';
import type { MissedState, RecoveryStep, RunningRecovery, ScannedDelivery, ScannedEvent } from '../domain/recovery.ts';

/** A running recovery as a step locks it. */
interface LockedRecovery extends RunningRecovery {
  readonly since: Date;
  readonly until: Date;
  readonly position: string;
  readonly total: number | null;
}

type RecoveryRows = ReturnType<typeof rowsOf>;

/**
 * Runs one step of one recovery in one transaction, with the recovery's row locked: a worker that dies lets go of it, and what
 * it had begun is undone.
 */
export function createRecoverySteps(pool: pg.Pool) {
  return async (
    step: (recovery: RunningRecovery, rows: RecoveryRows) => Promise<RecoveryStep>,
  ): Promise<RecoveryStep | null> => {
    if (!(await isAnyDue(pool))) return null; // the usual answer, without a transaction
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const recovery = await lockNext(client);
      const result = recovery && (await step(recovery, rowsOf(client, recovery)));
      if (result) await keep(client, recovery, result);
      await client.query('COMMIT');
      client.release();
      return result;
    } catch (error) {
      client.release(true); // closing the connection ends its transaction, whatever state it is in
      throw error;
    }
  };
}

const DUE = `state = 'running' AND next_step_at <= now()`;

async function isAnyDue(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query({
    name: 'due-recovery',
    text: `SELECT EXISTS (SELECT FROM recoveries WHERE ${DUE}) AS due`,
  });
  return rows[0].due;
}

async function lockNext(client: pg.PoolClient): Promise<LockedRecovery | null> {
  const { rows } = await client.query(`
    SELECT r.id, r.partner_id AS "partnerId", r.subscription_id AS "subscriptionId", r.states, r.source, r.since, r.until,
      r.position, r.total, p.subscriptions_version AS version
    FROM recoveries r LEFT JOIN partners p ON p.id = r.partner_id AND p.deleted_at IS NULL
    WHERE r.state = 'running' AND r.next_step_at <= now() ORDER BY r.next_step_at LIMIT 1 FOR UPDATE OF r SKIP LOCKED`);
  const [row] = rows;
  return row ? { ...row, version: row.version === null ? null : BigInt(row.version) } : null;
}

function rowsOf(client: pg.PoolClient, { partnerId, subscriptionId, position, until }: LockedRecovery) {
  const end = uuidFloor(until);
  return {
    async dueSoon(limit: number): Promise<number> {
      const text = `SELECT count(*)::int AS n FROM (SELECT FROM deliveries WHERE subscription_id = $1 AND state = 'pending'
        AND next_attempt_at <= now() + interval '1 minute' LIMIT ${limit}) due`;
      return (await client.query<{ n: number }>(text, [subscriptionId])).rows[0]?.n ?? 0;
    },
    async deliveries(limit: number): Promise<ScannedDelivery[]> {
      const text = `SELECT id, state, event_type AS "eventType" FROM deliveries
        WHERE subscription_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT ${limit}`;
      return (await client.query<ScannedDelivery>(text, [subscriptionId, position, end])).rows;
    },
    async redeliver(deliveryIds: readonly string[], states: readonly MissedState[]): Promise<number> {
      // A canceled one may still be in a worker's hands: then it is due when the lease ends, unless that worker records it before.
      const text = `UPDATE deliveries SET state = 'pending', trigger = 'recovery', retries_used = 0,
          next_attempt_at = greatest(now(), CASE WHEN leased THEN resume_at END),
          exhausted_at = CASE WHEN state = 'exhausted' THEN finished_at ELSE exhausted_at END,
          leased = coalesce(leased AND resume_at > now(), false), resume_at = NULL, finished_at = NULL
        WHERE id = ANY($1::uuid[]) AND state <> 'pending' AND state::text = ANY($2::text[])`;
      return (await client.query(text, [deliveryIds, states])).rowCount ?? 0;
    },
    async events(limit: number): Promise<ScannedEvent[]> {
      const text = `SELECT id, type, "timestamp", data, lease_until > now() AS "inHand" FROM events
        WHERE partner_id = $1 AND id > $2 AND id < $3 ORDER BY id LIMIT ${limit}`;
      const { rows } = await client.query<EventRow>(text, [partnerId, position, end]);
      return rows.map((row) => ({ event: toEvent(partnerId, row), inHand: row.inHand }));
    },
    async feed(deliveries: readonly { readonly id: string; readonly event: Event }[]): Promise<number> {
      const text = `INSERT INTO feed (delivery_id, subscription_id, event_id)
        SELECT i.id, $1::uuid, i.event_id FROM unnest($2::uuid[], $3::uuid[]) AS i (id, event_id)
        ON CONFLICT (delivery_id) DO NOTHING`;
      const ids = deliveries.map(({ id }) => id);
      const events = deliveries.map(({ event }) => event.id);
      return (await client.query(text, [subscriptionId, ids, events])).rowCount ?? 0;
    },
    async deliver(deliveries: readonly { readonly id: string; readonly event: Event }[]): Promise<number> {
      const text = `INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, state, trigger, event_type)
        SELECT i.id, $1::uuid, i.event_id, now(), 'pending', 'recovery', i.type
        FROM unnest($2::uuid[], $3::uuid[], $4::text[]) AS i (id, event_id, type) ON CONFLICT (id) DO NOTHING`;
      const ids = deliveries.map(({ id }) => id);
      const events = deliveries.map(({ event }) => event.id);
      const types = deliveries.map(({ event }) => event.type);
      return (await client.query(text, [subscriptionId, ids, events, types])).rowCount ?? 0;
    },
  };
}

interface EventRow {
  id: string;
  type: string;
  timestamp: string | null;
  data: string;
  inHand: boolean;
}

const toEvent = (partnerId: string, { id, type, timestamp, data }: EventRow): Event => ({
  id,
  partnerId,
  type,
  data,
  timestamp: timestamp ?? timeOfId(id).toISOString(),
});

async function keep(client: pg.PoolClient, recovery: LockedRecovery, step: RecoveryStep): Promise<void> {
  const total = recovery.total ?? (await countRows(client, recovery));
  const position = step.nextSource ? uuidFloor(recovery.since) : (step.position ?? recovery.position);
  await client.query(
    `UPDATE recoveries SET state = $2::recovery_state, source = coalesce($3, source), position = $4, total = $5,
       scanned = scanned + $6, redelivered = redelivered + $7,
       next_step_at = clock_timestamp() + $8::int * interval '1 millisecond',
       finished_at = CASE WHEN $2::recovery_state <> 'running' THEN clock_timestamp() END
     WHERE id = $1`,
    [recovery.id, step.state, step.nextSource, position, total, step.scanned, step.redelivered, step.pauseMs],
  );
}

/** Counting stops here: an estimate is all that people need of a scan this long. */
const COUNT_UP_TO = 1_000_000;

/** The rows there are to scan, once: an estimate, because the range may still grow by what arrives late. */
async function countRows(client: pg.PoolClient, recovery: LockedRecovery): Promise<number> {
  const { subscriptionId, partnerId, states, since, until } = recovery;
  const range = [uuidFloor(since), uuidFloor(until)];
  const count = async (from: string, owner: string) => {
    const text = `SELECT count(*)::int AS n FROM (SELECT FROM ${from} AND id > $2 AND id < $3 LIMIT ${COUNT_UP_TO}) r`;
    return (await client.query<{ n: number }>(text, [owner, ...range])).rows[0]?.n ?? 0;
  };
  const deliveries =
    recovery.source === 'deliveries' ? await count('deliveries WHERE subscription_id = $1', subscriptionId) : 0;
  return deliveries + (states.includes('skipped') ? await count('events WHERE partner_id = $1', partnerId) : 0);
}
