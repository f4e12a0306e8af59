import type pg from 'pg';
import type { Trigger } from '../domain/attempt.ts';
import { timeOfId } from '../domain/ids.ts';
import type { ClaimedDelivery } from '../domain/record.ts';
import { clockAhead, SLOTS_AHEAD_MS, SLOTS_REFILL_MS } from '../domain/send-slots.ts';

export interface ClaimRequest {
  /** At most so many deliveries in all. */
  readonly limit: number;
  /** For subscriptions in `free` their number of free slots (0: take none), for all others this. */
  readonly perSubscription: number;
  readonly free: ReadonlyMap<string, number>;
  /** Start after this subscription (a UUID): callers go round, so that no subscription is always last. */
  readonly after: string;
  readonly defaultTimeoutMs: number;
}

/** A lease outlasts the attempt's timeout by this, for connecting, recording and a slow moment. */
const LEASE_MARGIN_MS = 10_000;

/** So many subscriptions with pending deliveries are looked at in one claim. */
const SUBSCRIPTIONS_PER_CLAIM = 500;

/** The lowest UUID: where a round of claims begins. */
const FIRST_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

/**
 * `waiting` steps from one subscription with pending rows to the next through the partial index (a loose index scan), so a
 * million due rows of one cost as much as one. Each then gives its earliest few: a fair share of the limit, but 4 at least. An
 * ordered one gives the head of its line or nothing: while that is leased, or waits for its retry, the others wait behind it.
 * One with a rate limit gives as many as there are slots in the next 400 ms, to the worker that has its row's lock.
 * One whose breaker is open gives none; when its pause is over, the worker that gets its row's lock takes one: the probe.
 * For a deleted one none of this counts: what is left of it is only claimed to be canceled.
 *
 * In the order of their ids, which is that of `candidates` (a nested loop keeps it): the next claim goes on after the last
 * subscription that this one has served, so none may be left out before it.
 */
export const CLAIM = {
  name: 'claim-due-deliveries',
  text: `
    WITH RECURSIVE waiting AS (
      (SELECT d.subscription_id, 1 AS n FROM deliveries d
       WHERE d.state = 'pending' AND d.subscription_id > $1::uuid ORDER BY d.subscription_id LIMIT 1)
      UNION ALL
      SELECT (SELECT d.subscription_id FROM deliveries d
              WHERE d.state = 'pending' AND d.subscription_id > w.subscription_id ORDER BY d.subscription_id LIMIT 1), n + 1
      FROM waiting w WHERE w.subscription_id IS NOT NULL AND n < ${SUBSCRIPTIONS_PER_CLAIM}
    ), elected AS MATERIALIZED (
      SELECT h.subscription_id FROM subscription_health h
      WHERE h.breaker <> 'closed' AND h.not_before <= now() AND h.subscription_id IN (SELECT subscription_id FROM waiting)
      FOR UPDATE SKIP LOCKED
    ), rated AS MATERIALIZED (
      SELECT r.subscription_id, s.rate_limit, greatest(r.next_at, now()) AS first_at,
        1 + floor((${SLOTS_AHEAD_MS} / 1000.0 - extract(epoch FROM greatest(r.next_at, now()) - now())) * s.rate_limit)::int AS slots
      FROM rate_slots r JOIN subscriptions s ON s.id = r.subscription_id
      WHERE s.rate_limit IS NOT NULL AND s.deleted_at IS NULL AND r.next_at <= now() + interval '${SLOTS_REFILL_MS} milliseconds'
        AND r.subscription_id IN (SELECT subscription_id FROM waiting)
      FOR UPDATE OF r SKIP LOCKED
    ), candidates AS MATERIALIZED (
      SELECT s.id, s.partner_id, h.subscription_id IS NOT NULL AS probe,
        coalesce(s.timeout_seconds * 1000, $5::int) + ${LEASE_MARGIN_MS} AS lease_ms,
        least(
          coalesce((SELECT b.free FROM unnest($3::uuid[], $4::int[]) AS b (id, free) WHERE b.id = s.id), $6::int),
          CASE WHEN (s.ordered AND s.deleted_at IS NULL) OR h.subscription_id IS NOT NULL THEN 1
            ELSE greatest(4, $2::int / greatest(1, (SELECT count(subscription_id) FROM waiting))) END,
          (SELECT r.slots FROM rated r WHERE r.subscription_id = s.id)
        ) AS take, s.ordered AND s.deleted_at IS NULL AS ordered
      FROM waiting w JOIN subscriptions s ON s.id = w.subscription_id
      LEFT JOIN subscription_health h ON h.subscription_id = s.id AND h.breaker <> 'closed' AND s.deleted_at IS NULL
      WHERE (s.enabled OR s.deleted_at IS NOT NULL)
        AND (h.subscription_id IS NULL OR h.subscription_id IN (SELECT subscription_id FROM elected))
        AND (s.rate_limit IS NULL OR s.deleted_at IS NOT NULL OR s.id IN (SELECT subscription_id FROM rated))
      ORDER BY s.id
    ), picked AS MATERIALIZED (
      SELECT due.id, c.lease_ms, c.partner_id, c.probe
      FROM candidates c CROSS JOIN LATERAL (
        SELECT id FROM (
          SELECT d.id FROM deliveries d
          WHERE d.subscription_id = c.id AND d.state = 'pending' AND d.next_attempt_at <= now() AND NOT c.ordered
          ORDER BY d.next_attempt_at LIMIT c.take FOR UPDATE SKIP LOCKED
        ) earliest
        UNION ALL
        SELECT id FROM (
          SELECT d.id FROM deliveries d
          WHERE c.ordered AND d.id = (
              SELECT h.id FROM deliveries h WHERE h.subscription_id = c.id AND h.state = 'pending' ORDER BY h.id LIMIT 1)
            AND d.state = 'pending' AND d.next_attempt_at <= now()
          FOR UPDATE SKIP LOCKED
        ) head
      ) due
      WHERE c.take > 0
      LIMIT $2::int
    ), claimed AS (
      UPDATE deliveries d SET leased = true, next_attempt_at = now() + p.lease_ms * interval '1 millisecond'
      FROM picked p WHERE d.id = p.id
      RETURNING d.id, d.subscription_id, d.event_id, d.attempt_count, d.retries_used, d.trigger, d.resume_at, p.partner_id,
        p.probe, p.lease_ms, d.exhausted_at IS NOT NULL AS recovering
    ), probing AS (
      UPDATE subscription_health h SET breaker = 'half_open', not_before = now() + c.lease_ms * interval '1 millisecond'
      FROM claimed c WHERE c.probe AND h.subscription_id = c.subscription_id
    ), timed AS (
      SELECT c.id, r.subscription_id, r.first_at + (row_number() OVER slots - 1) * interval '1 second' / r.rate_limit AS at,
        r.first_at + row_number() OVER slots * interval '1 second' / r.rate_limit AS next_at
      FROM claimed c JOIN rated r ON r.subscription_id = c.subscription_id
      WINDOW slots AS (PARTITION BY c.subscription_id ORDER BY c.id)
    ), taken AS (
      UPDATE rate_slots r SET next_at = t.next_at
      FROM (SELECT subscription_id, max(next_at) AS next_at FROM timed GROUP BY subscription_id) t
      WHERE r.subscription_id = t.subscription_id
    )
    SELECT c.id::text, c.subscription_id::text, c.attempt_count, c.retries_used, c.trigger, c.resume_at, c.probe, c.recovering,
      (SELECT extract(epoch FROM t.at) * 1000 FROM timed t WHERE t.id = c.id)::float8 AS send_at,
      extract(epoch FROM now())::float8 * 1000 AS now,
      e.id::text AS event_id, c.partner_id, e.type, e."timestamp" AS at, e.data, e.traceparent,
      p.subscriptions_version::text AS version,
      (SELECT max(subscription_id::text) FROM waiting) AS reached,
      (SELECT count(*) FROM waiting)::int AS seen
    FROM (SELECT 1) one LEFT JOIN claimed c ON true
    LEFT JOIN events e ON e.id = c.event_id
    LEFT JOIN partners p ON p.id = c.partner_id AND p.deleted_at IS NULL`,
};

interface ClaimRow {
  id: string | null;
  subscription_id: string;
  attempt_count: number;
  retries_used: number;
  trigger: Trigger;
  resume_at: Date | null;
  probe: boolean;
  recovering: boolean;
  /** In milliseconds of Postgres' clock, as `now`. */
  send_at: number | null;
  now: number;
  event_id: string | null;
  partner_id: string;
  type: string;
  at: string | null;
  data: string;
  traceparent: string | null;
  version: string | null;
  reached: string | null;
  seen: number;
}

export interface Claims {
  readonly claimed: ClaimedDelivery[];
  /** Deliveries without their event, which nobody can attempt. */
  readonly orphans: string[];
  /** Where the next claim starts: after the last subscription served or seen, or from the beginning. */
  readonly next: string;
}

/** By how many milliseconds this process' clock is ahead of Postgres'. */
let ahead: number | null = null;

/** Takes due deliveries under a lease, fairly per subscription, passing by what other workers have locked. */
export async function claimDueDeliveries(pool: pg.Pool, request: ClaimRequest): Promise<Claims> {
  const { after, limit, free, defaultTimeoutMs, perSubscription } = request;
  const values = [after, limit, [...free.keys()], [...free.values()], defaultTimeoutMs, perSubscription];
  const before = Date.now();
  const { rows } = await pool.query<ClaimRow>({ ...CLAIM, values });
  ahead = clockAhead(ahead, before, Date.now(), (rows[0] as ClaimRow).now);
  const due = rows.filter(({ id }) => id !== null);
  const claimed = due.filter(({ event_id }) => event_id !== null).map((row) => toClaimed(row, ahead ?? 0));
  const orphans = due.filter(({ event_id }) => event_id === null).map(({ id }) => id as string);
  return { claimed, orphans, next: whereToGoOn(due, limit, rows[0] as ClaimRow) };
}

/** A full claim goes on after the last subscription it served, else those at the end of the order would starve. */
function whereToGoOn(due: readonly ClaimRow[], limit: number, { reached, seen }: ClaimRow): string {
  if (due.length >= limit) return due.map(({ subscription_id }) => subscription_id).reduce(later);
  return reached && seen >= SUBSCRIPTIONS_PER_CLAIM ? reached : FIRST_SUBSCRIPTION;
}

const later = (one: string, other: string): string => (one > other ? one : other);

function toClaimed(row: ClaimRow, aheadMs: number): ClaimedDelivery {
  const eventId = row.event_id as string;
  return {
    deliveryId: row.id as string,
    subscriptionId: row.subscription_id,
    event: {
      id: eventId,
      partnerId: row.partner_id,
      type: row.type,
      timestamp: row.at ?? timeOfId(eventId).toISOString(),
      data: row.data,
    },
    progress: {
      attemptCount: row.attempt_count,
      retriesUsed: row.retries_used,
      trigger: row.trigger,
      resumeAt: row.resume_at,
    },
    probe: row.probe,
    recovering: row.recovering,
    sendAt: row.send_at === null ? null : row.send_at + aheadMs,
    traceparent: row.traceparent,
    version: row.version === null ? null : BigInt(row.version),
  };
}

/** Gives a claimed delivery back, untouched: it is due at once. */
export async function putBack(pool: pg.Pool, deliveryId: string, attemptCount: number): Promise<void> {
  const text = `UPDATE deliveries SET next_attempt_at = now(), leased = false
    WHERE id = $1 AND state = 'pending' AND leased AND attempt_count = $2`;
  await pool.query({ name: 'put-back', text, values: [deliveryId, attemptCount] });
}

/** Cancels claimed deliveries whose subscription is gone. */
export async function cancelClaimed(pool: pg.Pool, deliveryIds: readonly string[]): Promise<void> {
  const text = `UPDATE deliveries SET state = 'canceled', next_attempt_at = NULL, leased = false, finished_at = now()
    WHERE id = ANY($1::uuid[]) AND state = 'pending'`;
  await pool.query({ name: 'cancel-claimed', text, values: [deliveryIds] });
}
