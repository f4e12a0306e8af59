import type pg from 'pg';
import type { Outcome, Trigger } from '../domain/attempt.ts';
import type { DeliveryState } from '../domain/delivery.ts';
import { deliveryId } from '../domain/ids.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import { type DeliveryFilter, deliveryRows } from './delivery-lists.ts';

/** An attempt on record. */
export interface StoredAttempt {
  readonly number: number;
  readonly trigger: Trigger;
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly outcome: Outcome;
  readonly error: string | null;
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly reused: boolean;
  readonly url: string;
  /** The value of `webhook-signature`. */
  readonly signature: string;
  /** Names of the subscription's own headers; their values are not kept. */
  readonly ownHeaders: readonly string[] | null;
  /** Null when no answer came. */
  readonly statusCode: number | null;
  readonly responseHeaders: Readonly<Record<string, string>> | null;
  readonly responseBody: string | null;
  readonly bodyTruncated: boolean;
}

export interface StoredDelivery {
  readonly id: string;
  readonly partnerId: string;
  readonly subscriptionId: string;
  readonly eventId: string;
  readonly eventType: string;
  readonly state: DeliveryState;
  readonly attemptCount: number;
  readonly nextAttemptAt: Date | null;
  readonly finishedAt: Date | null;
  readonly lastAttempt: StoredAttempt | null;
}

export interface DeliveryReads {
  /** A partner's deliveries, newest event first; those of deleted subscriptions included. */
  list(partnerId: string, filter: DeliveryFilter, page: PageRequest): Promise<Page<StoredDelivery>>;
  /** Which of these subscriptions have a delivery of the event. */
  reached(eventId: string, subscriptionIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Null when the partner has no such delivery. */
  find(partnerId: string, id: string): Promise<StoredDelivery | null>;
  /** All attempts of a delivery, first to last. */
  attempts(deliveryId: string): Promise<StoredAttempt[]>;
}

/** Reads of deliveries and attempts; the hot path writes them. */
export function createDeliveryReads(pool: pg.Pool): DeliveryReads {
  return {
    list: (...asked) => list(pool, ...asked),
    async reached(eventId, subscriptionIds) {
      if (subscriptionIds.length === 0) return new Set();
      const text = 'SELECT subscription_id AS id FROM deliveries WHERE id = ANY($1)';
      const { rows } = await pool.query<{ id: string }>(text, [subscriptionIds.map((id) => deliveryId(eventId, id))]);
      return new Set(rows.map(({ id }) => id));
    },
    async find(partnerId, id) {
      const rows = `SELECT d.* FROM deliveries d JOIN subscriptions s ON s.id = d.subscription_id
        WHERE d.id = $1 AND s.partner_id = $2`;
      return (await query(pool, partnerId, rows, [id, partnerId]))[0] ?? null;
    },
    async attempts(deliveryId) {
      const text = `SELECT ${ATTEMPT_JSON} AS attempt FROM attempts a WHERE delivery_id = $1 ORDER BY number`;
      const { rows } = await pool.query<{ attempt: AttemptJson }>(text, [deliveryId]);
      return rows.map(({ attempt }) => toAttempt(attempt));
    },
  };
}

async function list(pool: pg.Pool, partnerId: string, filter: DeliveryFilter, page: PageRequest) {
  const { text, values, restBefore } = await deliveryRows(pool, partnerId, filter, page);
  const rows = await query(pool, partnerId, text, values);
  return toPage('deliveries', rows, page.limit, ({ id }) => id, restBefore);
}

const ATTEMPT_JSON = 'row_to_json(a)';

interface AttemptJson {
  number: number;
  trigger: Trigger;
  started_at: string;
  duration_ms: number;
  outcome: Outcome;
  error: string | null;
  dns_ms: number | null;
  connect_ms: number | null;
  tls_ms: number | null;
  first_byte_ms: number | null;
  reused: boolean;
  url: string;
  signature: string;
  own_headers: string[] | null;
  status_code: number | null;
  response_headers: Record<string, string> | null;
  response_body: string | null;
  body_truncated: boolean;
}

interface DeliveryRow {
  id: string;
  subscription_id: string;
  event_id: string;
  event_type: string;
  state: DeliveryState;
  attempt_count: number;
  next_attempt_at: Date | null;
  finished_at: Date | null;
  attempt: AttemptJson | null;
}

/** Adds the last attempt to rows of deliveries. The inner LIMIT keeps it one look-up by primary key for each row. */
async function query(
  pool: pg.Pool,
  partnerId: string,
  rows: string,
  values: readonly unknown[],
): Promise<StoredDelivery[]> {
  const found = await pool.query<DeliveryRow>(
    `SELECT d.*, l.attempt FROM (${rows}) d LEFT JOIN LATERAL (
       SELECT ${ATTEMPT_JSON} AS attempt FROM attempts a WHERE a.delivery_id = d.id AND a.number = d.attempt_count LIMIT 1
     ) l ON true ORDER BY d.id DESC`,
    [...values],
  );
  return found.rows.map((row) => toDelivery(partnerId, row));
}

const toDelivery = (partnerId: string, row: DeliveryRow): StoredDelivery => ({
  id: row.id,
  partnerId,
  subscriptionId: row.subscription_id,
  eventId: row.event_id,
  eventType: row.event_type,
  state: row.state,
  attemptCount: row.attempt_count,
  nextAttemptAt: row.next_attempt_at,
  finishedAt: row.finished_at,
  lastAttempt: row.attempt && toAttempt(row.attempt),
});

const toAttempt = (row: AttemptJson): StoredAttempt => ({
  number: row.number,
  trigger: row.trigger,
  startedAt: new Date(row.started_at),
  durationMs: row.duration_ms,
  outcome: row.outcome,
  error: row.error,
  dnsMs: row.dns_ms,
  connectMs: row.connect_ms,
  tlsMs: row.tls_ms,
  firstByteMs: row.first_byte_ms,
  reused: row.reused,
  url: row.url,
  signature: row.signature,
  ownHeaders: row.own_headers,
  statusCode: row.status_code,
  responseHeaders: row.response_headers,
  responseBody: row.response_body,
  bodyTruncated: row.body_truncated,
});
