import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { newId, publicId } from '../domain/ids.ts';
import { auditedFrom, auditValues } from './audit.ts';
import { untilStored } from './transient.ts';

/**
 * What canceling sets. One that a worker has in hand stays `leased`, and keeps the lease's end in `resume_at`: until then, or until
 * the attempt is recorded, another one would be the same attempt twice.
 */
export const CANCELED = `state = 'canceled', next_attempt_at = NULL, finished_at = now(),
  resume_at = CASE WHEN leased THEN next_attempt_at END`;

/** Rows in one statement: each is some 10 ms, and locks nobody out for longer. */
const CHUNK = 1_000;

/** A chunk may meet a worker's write the other way round: one of the two is told of a deadlock, and tries again. */
const PATIENCE_MS = 10_000;

/**
 * Cancels all deliveries of a subscription that are pending now, in chunks, each durable by itself: asking again after an answer
 * that never came goes on. Attempts that are under way are still recorded, and change nothing.
 *
 * @returns how many were canceled
 */
export async function cancelPending(pool: pg.Pool, subscriptionId: string, by: Actor): Promise<number> {
  const newest = newId(); // what comes in from now on is not meant
  const subjectId = publicId('sub', subscriptionId);
  const audit = auditValues(by, { action: 'subscription.pending_canceled', subjectId }); // the first chunk writes it
  let canceled = 0;
  for (;;) {
    const chunk = () => cancelChunk(pool, [subscriptionId, newest, ...audit]);
    const count = await untilStored(chunk, { signal: AbortSignal.timeout(PATIENCE_MS) });
    canceled += count;
    if (count < CHUNK) return canceled;
  }
}

async function cancelChunk(pool: pg.Pool, values: unknown[]): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'cancel-pending',
    text: `
      WITH changed AS (
        UPDATE deliveries SET ${CANCELED}
        WHERE state = 'pending' AND id = ANY(ARRAY(
          SELECT id FROM deliveries WHERE subscription_id = $1 AND state = 'pending' AND id <= $2
          ORDER BY next_attempt_at LIMIT ${CHUNK} FOR UPDATE))
        RETURNING id
      ), acted AS (
        SELECT partner_id, '{"state":"pending"}'::jsonb AS before, '{"state":"canceled"}'::jsonb AS after
        FROM subscriptions WHERE id = $1 AND EXISTS (SELECT FROM changed)
      ), ${auditedFrom('acted', 3)}
      SELECT FROM changed`,
    values,
  });
  return rowCount ?? 0;
}
