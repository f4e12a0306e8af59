import type pg from 'pg';
import { createGrowingIds, deliveryId, parsePublicId } from '../../src/domain/ids.ts';

/** In the order they are made, also within a millisecond. */
const newId = createGrowingIds();

/** Puts an event on record as a worker would; gives its UUID. */
export async function putEvent(pool: pg.Pool, partnerId: string, event: { type?: string; data?: string } = {}) {
  const id = newId();
  const { type = 'order.created', data = '{"n":1}' } = event;
  await pool.query(
    'INSERT INTO events (id, lease_until, fan_out, partner_id, type, data) VALUES ($1, now(), 1, $2, $3, $4)',
    [id, partnerId, type, data],
  );
  return id;
}

export interface DeliveryRecord {
  readonly eventId: string;
  /** `sub_…` */
  readonly subscriptionId: string;
  readonly state?: 'pending' | 'succeeded' | 'exhausted' | 'canceled';
  readonly eventType?: string;
  readonly attempts?: number;
}

/** Puts a delivery with its attempts on record; gives its UUID. */
export async function putDelivery(pool: pg.Pool, record: DeliveryRecord): Promise<string> {
  const { eventId, state = 'succeeded', eventType = 'order.created', attempts = 1 } = record;
  const subscriptionId = parsePublicId('sub', record.subscriptionId) as string;
  const id = deliveryId(eventId, subscriptionId);
  await pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, state, event_type, attempt_count, next_attempt_at, finished_at)
     VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $4 = 'pending'::delivery_state THEN now() + interval '1 hour' END,
       CASE WHEN $4 <> 'pending'::delivery_state THEN now() END)`,
    [id, subscriptionId, eventId, state, eventType, attempts],
  );
  for (let number = 1; number <= attempts; number++) await putAttempt(pool, id, number);
  return id;
}

const putAttempt = (pool: pg.Pool, id: string, number: number) =>
  pool.query(
    `INSERT INTO attempts (delivery_id, started_at, number, status_code, duration_ms, dns_ms, connect_ms, tls_ms, first_byte_ms,
       trigger, outcome, reused, url, signature, own_headers, error, response_headers, response_body)
     VALUES ($1, '2026-01-31T12:00:00.250Z', $2, 503, 12.5, 1, 2, 3, 10, 'automatic', 'http_error', false,
       'https://example.com/hooks', 'v1,abc', '{authorization}', 'the answer was 503', '{"b":"1","a":"2"}', 'busy')`,
    [id, number],
  );
