import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import { auditedFrom, auditValues } from './audit.ts';

/** What the audit trail keeps of a delivery. */
const STATE = `jsonb_build_object('state', d.state, 'nextAttemptAt', d.next_attempt_at, 'attemptCount', d.attempt_count)`;

export type Redelivered = 'pending' | 'in_progress' | 'subscription_disabled' | 'subscription_deleted' | 'not_found';

/**
 * Has a delivery attempted now because a person asked. One that had ended starts its schedule anew; one that is pending keeps
 * its schedule: the time that was set is kept in `resume_at`. One that a worker has in hand this moment stays as it is.
 */
export async function redeliver(pool: pg.Pool, deliveryId: string, by: Actor): Promise<Redelivered> {
  const { rows } = await pool.query<{ enabled: boolean; deleted: boolean; leased: boolean }>({
    name: 'redeliver',
    text: `
      WITH found AS MATERIALIZED (
        SELECT d.id, s.partner_id, ${STATE} AS before, s.enabled, s.deleted_at IS NOT NULL AS deleted,
          d.state = 'pending' AND d.leased AND d.next_attempt_at > now() AS leased
        FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id WHERE d.id = $1
      ), changed AS (
        UPDATE deliveries d SET
          state = 'pending',
          trigger = 'manual',
          resume_at = CASE WHEN d.state = 'pending' AND d.next_attempt_at > now()
            THEN coalesce(d.resume_at, d.next_attempt_at) ELSE d.resume_at END,
          retries_used = CASE WHEN d.state = 'pending' THEN d.retries_used ELSE 0 END,
          next_attempt_at = now(),
          exhausted_at = CASE WHEN d.state = 'exhausted' THEN d.finished_at ELSE d.exhausted_at END,
          finished_at = NULL,
          leased = false
        FROM found f
        WHERE d.id = f.id AND f.enabled AND NOT f.deleted
          AND NOT (d.state = 'pending' AND d.leased AND d.next_attempt_at > now())
        RETURNING f.partner_id, f.before, ${STATE} AS after
      ), ${auditedFrom('changed', 2)}
      SELECT enabled, deleted, leased FROM found`,
    values: [
      deliveryId,
      ...auditValues(by, { action: 'delivery.redelivered', subjectId: publicId('dlv', deliveryId) }),
    ],
  });
  const row = rows[0];
  if (!row) return 'not_found';
  if (row.deleted) return 'subscription_deleted';
  if (!row.enabled) return 'subscription_disabled';
  return row.leased ? 'in_progress' : 'pending';
}

export type Canceled = 'canceled' | 'not_pending' | 'not_found';

/** Ends a pending delivery. An attempt that is under way is still recorded, and changes nothing. */
export async function cancelDelivery(pool: pg.Pool, deliveryId: string, by: Actor): Promise<Canceled> {
  const { rows } = await pool.query<{ changed: boolean }>({
    name: 'cancel-delivery',
    text: `
      WITH found AS MATERIALIZED (
        SELECT d.id, s.partner_id, ${STATE} AS before
        FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id WHERE d.id = $1
      ), changed AS (
        UPDATE deliveries d SET state = 'canceled', next_attempt_at = NULL, resume_at = NULL, finished_at = now()
        FROM found f WHERE d.id = f.id AND d.state = 'pending' RETURNING f.partner_id, f.before, ${STATE} AS after
      ), ${auditedFrom('changed', 2)}
      SELECT EXISTS (SELECT FROM changed) AS changed FROM deliveries WHERE id = $1`,
    values: [deliveryId, ...auditValues(by, { action: 'delivery.canceled', subjectId: publicId('dlv', deliveryId) })],
  });
  const row = rows[0];
  if (!row) return 'not_found';
  return row.changed ? 'canceled' : 'not_pending';
}
