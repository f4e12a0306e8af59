import type pg from 'pg';
import { POSTRIDER } from '../domain/actor.ts';
import { cameBackAs, DEAD_LETTER_ATTRIBUTE, withoutEventId } from '../domain/dead-letter.ts';
import { eventIdOfMessage, publicId } from '../domain/ids.ts';
import type { DeadLetter } from '../domain/record.ts';
import { auditedFrom, auditValues } from './audit.ts';

/**
 * Puts a message that is no event on record. Its id comes from the message's, so receiving it again is counted, not repeated. A
 * redriven letter that comes back is the same letter, waiting again. The letter named must have the same body: whatever an
 * attribute says, no message is taken for another one.
 */
export async function recordDeadLetter(pool: pg.Pool, letter: DeadLetter): Promise<void> {
  const { [DEAD_LETTER_ATTRIBUTE]: _, ...attributes } = letter.attributes;
  const before = cameBackAs(letter.attributes);
  if (before) {
    const original = { ...letter, attributes, body: withoutEventId(letter.body, before) };
    if (await upsert(pool, before, original, true)) return;
  }
  await upsert(pool, eventIdOfMessage(letter.sentAt, letter.messageId), letter, false);
}

/** The transport counts the receives of one message; a redriven one starts again at 1, so its are added. */
const UPSERT = `
  INSERT INTO dead_letters AS d (id, lane, reason, detail, body, attributes, partner_id, receive_count)
  VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
  ON CONFLICT (id) DO UPDATE SET
    reason = excluded.reason, detail = excluded.detail, partner_id = excluded.partner_id, last_seen_at = now(),
    receive_count = CASE WHEN $9 THEN d.receive_count + excluded.receive_count
      ELSE greatest(d.receive_count, excluded.receive_count) END,
    state = 'waiting', redriven_at = NULL
  WHERE d.body = excluded.body`;

/** False when the id is another message's. */
async function upsert(pool: pg.Pool, id: string, letter: DeadLetter, cameBack: boolean): Promise<boolean> {
  const { lane, reason, detail, body, attributes, partnerId, receiveCount } = letter;
  const { rowCount } = await pool.query({
    name: 'record-dead-letter',
    text: UPSERT,
    values: [
      id,
      lane,
      reason,
      detail,
      body.replaceAll('\0', '\ufffd'),
      JSON.stringify(attributes),
      partnerId,
      receiveCount,
      cameBack,
    ],
  });
  return rowCount === 1;
}

/**
 * Disables a subscription whose receiver at this URL is gone; one that was disabled or has moved meanwhile stays as it is, and so
 * does one that has succeeded since. The partner is locked first, as every change does.
 *
 * @param failingSince since when it is failing, where that is the reason
 * @returns whether it was disabled
 */
export async function disableSubscription(
  pool: pg.Pool,
  { id, url }: { readonly id: string; readonly url: string },
  reason: string,
  failingSince: Date | null,
): Promise<boolean> {
  const text = `
    WITH owner AS MATERIALIZED (
      SELECT p.id FROM partners p JOIN subscriptions s ON s.partner_id = p.id WHERE s.id = $1 FOR NO KEY UPDATE OF p
    ), changed AS (
      UPDATE subscriptions s SET enabled = false, disabled_reason = $2, updated_at = now() FROM owner o
      WHERE s.id = $1 AND s.partner_id = o.id AND s.enabled AND s.deleted_at IS NULL AND s.url = $3
        AND ($4::timestamptz IS NULL
          OR EXISTS (SELECT FROM subscription_health h WHERE h.subscription_id = s.id AND h.failing_since = $4))
      RETURNING s.partner_id, jsonb_build_object('enabled', true) AS before,
        jsonb_build_object('enabled', false, 'disabledReason', s.disabled_reason) AS after
    ), ${auditedFrom('changed', 5)}
    SELECT FROM changed`;
  const audit = auditValues(POSTRIDER, { action: 'subscription.disabled', subjectId: publicId('sub', id) });
  const values = [id, reason, url, failingSince?.toISOString() ?? null, ...audit];
  const { rowCount } = await pool.query({ name: 'disable-subscription', text, values });
  return rowCount === 1;
}
