import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import { TEST_EVENT_TYPE } from '../domain/recovery.ts';
import { auditedFrom, auditValues } from './audit.ts';
import { CANCELED } from './cancel-pending.ts';
import { NO_RETRIES } from './send-test.ts';

/** What the audit trail keeps of a delivery. */
const STATE = `jsonb_build_object('state', d.state, 'nextAttemptAt', d.next_attempt_at, 'attemptCount', d.attempt_count)`;

export type Redelivered = 'pending' | 'in_progress' | 'subscription_disabled' | 'subscription_deleted' | 'not_found';

/**
 * Has a delivery attempted now because a person asked. One that had ended starts its schedule anew; one that is pending keeps
 * its schedule: the time that was set is kept in `resume_at`. One that a worker has in hand, even if it was canceled meanwhile, stays
 * as it is: `in_progress`, until the attempt is on record or its lease has run out.
 */
export async function redeliver(pool: pg.Pool, deliveryId: string, by: Actor): Promise<Redelivered> {
  const { rows } = await pool.query<{ enabled: boolean; deleted: boolean; changed: boolean }>({
    name: 'redeliver',
    text: `
      WITH found AS MATERIALIZED (
        SELECT d.id, s.partner_id, ${STATE} AS before, s.enabled, s.deleted_at IS NOT NULL AS deleted
        FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id WHERE d.id = $1
      ), changed AS (
        UPDATE deliveries d SET
          state = 'pending',
          trigger = 'manual',
          resume_at = CASE WHEN d.state <> 'pending' THEN NULL
            WHEN d.next_attempt_at > now() THEN coalesce(d.resume_at, d.next_attempt_at) ELSE d.resume_at END,
          retries_used = CASE WHEN d.state = 'pending' THEN d.retries_used
            WHEN d.event_type = '${TEST_EVENT_TYPE}' THEN ${NO_RETRIES} ELSE 0 END,
          next_attempt_at = now(),
          exhausted_at = CASE WHEN d.state = 'exhausted' THEN d.finished_at ELSE d.exhausted_at END,
          finished_at = NULL,
          leased = false
        FROM found f
        WHERE d.id = f.id AND f.enabled AND NOT f.deleted
          AND NOT (d.leased AND coalesce(d.next_attempt_at, d.resume_at, now()) > now())
        RETURNING f.partner_id, f.before, ${STATE} AS after
      ), ${auditedFrom('changed', 2)}
      SELECT enabled, deleted, EXISTS (SELECT FROM changed) AS changed FROM found`,
    values: [
      deliveryId,
      ...auditValues(by, { action: 'delivery.redelivered', subjectId: publicId('dlv', deliveryId) }),
    ],
  });
  const row = rows[0];
  if (!row) return 'not_found';
  if (row.deleted) return 'subscription_deleted';
  if (!row.enabled) return 'subscription_disabled';
  return row.changed ? 'pending' : 'in_progress';
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
        UPDATE deliveries d SET ${CANCELED}
        FROM found f WHERE d.id = f.id AND d.state = 'pending' RETURNING f.partner_id, f.before, ${STATE} AS after
      ), ${auditedFrom('changed', 2)}
      SELECT EXISTS (SELECT FROM changed) AS changed FROM deliveries WHERE id = $1`,
    values: [deliveryId, ...auditValues(by, { action: 'delivery.canceled', subjectId: publicId('dlv', deliveryId) })],
  });
  const row = rows[0];
  if (!row) return 'not_found';
  return row.changed ? 'canceled' : 'not_pending';
}
