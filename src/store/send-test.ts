import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { deliveryId, newId, publicId } from '../domain/ids.ts';
import { TEST_EVENT_TYPE } from '../domain/recovery.ts';
import { auditedFrom, auditValues } from './audit.ts';
import type { OwnedId } from './secrets.ts';

export interface TestSent {
  readonly eventId: string;
  /** Null: the subscription is polled, and finds it in its feed. */
  readonly deliveryId: string | null;
}

/** More than any schedule has: whoever asks for a test wants its answer now, and not three days of retries. */
export const NO_RETRIES = 32_767;

const DATA = '{"message":"This is a test event of Postrider"}';

/**
 * Puts a test event on record, for one subscription alone, whatever types it wants. It goes no way through SNS: its delivery is
 * pending at once, and the retriers find it within half a second.
 */
export async function sendTest(
  pool: pg.Pool,
  { partnerId, id: subscriptionId }: OwnedId,
  by: Actor,
): Promise<TestSent | 'not_found' | 'subscription_disabled'> {
  const eventId = newId();
  const id = deliveryId(eventId, subscriptionId);
  const audit = auditValues(by, { action: 'subscription.tested', subjectId: publicId('sub', subscriptionId) });
  const { rows } = await pool.query<{ enabled: boolean; polled: boolean }>({
    name: 'send-test',
    text: `
      WITH found AS (
        SELECT id, partner_id, enabled, url IS NULL AS polled FROM subscriptions WHERE id = $1 AND partner_id = $2 AND deleted_at IS NULL
      ), event AS (
        INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
        SELECT $3, now(), 1, partner_id, $5, $6 FROM found WHERE enabled
        RETURNING partner_id, NULL::jsonb AS before, jsonb_build_object('deliveryId', $7::text) AS after
      ), delivery AS (
        INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, state, trigger, retries_used, event_type)
        SELECT $4, id, $3, now(), 'pending', 'test', ${NO_RETRIES}, $5 FROM found
        WHERE enabled AND NOT polled
      ), feed AS (
        INSERT INTO feed (delivery_id, subscription_id, event_id) SELECT $4, id, $3 FROM found WHERE enabled AND polled
      ), ${auditedFrom('event', 8)}
      SELECT enabled, polled FROM found`,
    values: [subscriptionId, partnerId, eventId, id, TEST_EVENT_TYPE, DATA, publicId('dlv', id), ...audit],
  });
  const [row] = rows;
  if (!row) return 'not_found';
  return row.enabled ? { eventId, deliveryId: row.polled ? null : id } : 'subscription_disabled';
}
