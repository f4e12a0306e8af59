import type pg from 'pg';
import type { AttemptResult, Trigger } from '../domain/attempt.ts';
import type { FirstResult, LaterResult } from '../domain/record.ts';

/** The columns of an attempt, in the order that {@link attemptColumns} gives them; `first` is its first parameter's number. */
const attemptInput = (first: number): string =>
  ['timestamptz', 'smallint', 'smallint', 'real', 'real', 'real', 'real', 'real']
    .concat('attempt_trigger', 'attempt_outcome', 'boolean', 'boolean', 'text', 'text', 'text', 'text', 'json', 'text')
    .map((type, index) => `$${first + index}::${type}[]`)
    .join(', ');

const ATTEMPT_NAMES = `started_at, number, status_code, duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms,
  trigger, outcome, reused, body_truncated, url, signature, own_headers, error, response_headers, response_body`;

const INSERT_ATTEMPTS = `INSERT INTO attempts (delivery_id, ${ATTEMPT_NAMES})
  SELECT i.delivery_id, i.started_at, i.number, i.status_code, i.duration_ms, i.dns_ms, i.connect_ms, i.tls_ms,
    i.first_byte_ms, i.trigger, i.outcome, i.reused, i.body_truncated, i.url, i.signature,
    i.own_headers::text[], i.error, i.response_headers, i.response_body`;

const RECORD_FIRST = {
  name: 'record-first-results',
  text: `
    WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::delivery_state[], $6::smallint[], $7::bigint[],
        ${attemptInput(8)})
      AS i (delivery_id, subscription_id, event_id, event_type, state, retries_used, delay_ms, ${ATTEMPT_NAMES})
    ), written AS (
      INSERT INTO deliveries
        (id, subscription_id, event_id, next_attempt_at, finished_at, state, attempt_count, retries_used, event_type)
      SELECT i.delivery_id, i.subscription_id, i.event_id,
        CASE WHEN i.state = 'pending' THEN now() + i.delay_ms * interval '1 millisecond' END,
        CASE WHEN i.state <> 'pending' THEN now() END,
        i.state, CASE WHEN i.started_at IS NULL THEN 0 ELSE 1 END, i.retries_used, i.event_type
      FROM input i WHERE EXISTS (SELECT FROM events e WHERE e.id = i.event_id)
      ON CONFLICT (id) DO NOTHING
      RETURNING id
    ), tried AS (
      ${INSERT_ATTEMPTS} FROM input i JOIN written w ON w.id = i.delivery_id WHERE i.started_at IS NOT NULL
    )
    SELECT i.event_id::text AS id FROM input i WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = i.event_id)`,
};

/**
 * Writes deliveries with their first attempts, one statement for all. A delivery that is on record already stays as it is, with
 * its attempts, so the call may be repeated when its answer was lost.
 *
 * @returns the ids of events that are not on record (any more: the persist step commits asynchronously, and a crash of Postgres
 * forgets the last of it); their results were not written
 */
export async function recordFirstResults(pool: pg.Pool, results: readonly FirstResult[]): Promise<Set<string>> {
  const values = [
    results.map(({ deliveryId }) => deliveryId),
    results.map(({ subscriptionId }) => subscriptionId),
    results.map(({ event }) => event.id),
    results.map(({ event }) => event.type),
    results.map(({ verdict }) => verdict.state),
    results.map(({ verdict }) => verdict.retriesUsed),
    results.map(({ verdict }) => verdict.nextDelayMs ?? 0),
    ...attemptColumns(results.map(({ result }) => ({ result, number: 1, trigger: 'automatic' }))),
  ];
  const { rows } = await pool.query<{ id: string }>({ ...RECORD_FIRST, values });
  return new Set(rows.map(({ id }) => id));
}

const RECORD_LATER = {
  name: 'record-later-results',
  text: `
    WITH input AS MATERIALIZED (
      SELECT * FROM unnest($1::uuid[], $2::delivery_state[], $3::smallint[], $4::bigint[], $5::timestamptz[], ${attemptInput(6)})
      AS i (delivery_id, state, retries_used, delay_ms, resume_at, ${ATTEMPT_NAMES})
    ), updated AS (
      UPDATE deliveries d SET
        attempt_count = i.number,
        retries_used = i.retries_used,
        state = CASE WHEN d.state = 'pending' THEN i.state ELSE d.state END,
        next_attempt_at = CASE WHEN d.state = 'pending' AND i.state = 'pending'
          THEN coalesce(i.resume_at, now() + i.delay_ms * interval '1 millisecond') END,
        finished_at = CASE WHEN d.state <> 'pending' THEN d.finished_at WHEN i.state <> 'pending' THEN now() END,
        resume_at = NULL,
        exhausted_at = CASE WHEN i.state = 'pending' THEN d.exhausted_at END,
        trigger = 'automatic',
        leased = false
      FROM input i
      WHERE d.id = i.delivery_id AND d.attempt_count = i.number - 1
      RETURNING d.id
    )
    ${INSERT_ATTEMPTS} FROM input i JOIN updated u ON u.id = i.delivery_id
    ON CONFLICT (delivery_id, number) DO NOTHING
    RETURNING delivery_id::text AS id`,
};

/**
 * Records later attempts, each only if its number is the next one of its delivery (the fence against a worker whose lease ran
 * out). A delivery that was canceled meanwhile stays canceled; its attempt is recorded.
 *
 * @returns for each result whether it was recorded
 */
export async function recordLaterResults(pool: pg.Pool, results: readonly LaterResult[]): Promise<boolean[]> {
  const attempts = results.map(({ result, progress }) => ({
    result,
    number: progress.attemptCount + 1,
    trigger: progress.trigger,
  }));
  const values = [
    results.map(({ deliveryId }) => deliveryId),
    results.map(({ verdict }) => verdict.state),
    results.map(({ verdict }) => verdict.retriesUsed),
    results.map(({ verdict }) => verdict.nextDelayMs ?? 0),
    results.map(({ verdict }) => verdict.resumeAt?.toISOString() ?? null),
    ...attemptColumns(attempts),
  ];
  const { rows } = await pool.query<{ id: string }>({ ...RECORD_LATER, values });
  const recorded = new Set(rows.map(({ id }) => id));
  return results.map(({ deliveryId }) => recorded.has(deliveryId));
}

interface NumberedAttempt {
  /** Null: not attempted, only parked. */
  readonly result: AttemptResult | null;
  readonly number: number;
  readonly trigger: Trigger;
}

function attemptColumns(attempts: readonly NumberedAttempt[]): unknown[][] {
  const column = (get: (result: AttemptResult) => unknown) => attempts.map(({ result }) => result && get(result));
  return [
    column(({ startedAt }) => startedAt.toISOString()),
    attempts.map(({ number }) => number),
    column(({ response }) => response?.statusCode),
    column(({ durationMs }) => durationMs),
    column(({ timing }) => timing.dnsMs),
    column(({ timing }) => timing.connectMs),
    column(({ timing }) => timing.tlsMs),
    column(({ timing }) => timing.firstByteMs),
    attempts.map(({ trigger }) => trigger),
    column(({ outcome }) => outcome),
    column(({ timing }) => timing.reusedConnection),
    column(({ response }) => response?.bodyTruncated ?? false),
    column(({ request }) => request.url),
    column(({ request }) => request.headers['webhook-signature'] ?? ''),
    column(({ request }) => ownHeaderNames(request.headers)),
    column(({ error }) => error),
    column(({ response }) => response && JSON.stringify(response.headers)),
    column(({ response }) => response?.body),
  ];
}

const STANDARD = /^(webhook-|postrider-|content-type$|user-agent$|content-length$)/;

/** The names of the subscription's own headers as an array literal (tokens need no quoting but do get it), or null. */
function ownHeaderNames(headers: Readonly<Record<string, string>>): string | null {
  const names = Object.keys(headers).filter((name) => !STANDARD.test(name));
  return names.length === 0 ? null : `{${names.map((name) => JSON.stringify(name)).join(',')}}`;
}
