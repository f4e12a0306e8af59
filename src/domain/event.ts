import type { DeadLetterReason } from './dead-letter.ts';
import { eventIdOfMessage, parsePublicId, publicId, timeOfId } from './ids.ts';
import { rawMember } from './raw-json.ts';

/** Something that happened, for one partner. */
export interface Event {
  /** UUIDv7; outside it is `evt_…`. */
  readonly id: string;
  readonly partnerId: string;
  /** Dotted name, e.g. `order.created`. */
  readonly type: string;
  /** When it happened, ISO 8601, as the producer said it, else when it was accepted. */
  readonly timestamp: string;
  /** The producer's JSON, byte for byte. */
  readonly data: string;
}

/** Why a message is no event. `detail` says what to change. */
export interface NotAnEvent {
  readonly reason: Exclude<DeadLetterReason, 'receive_limit'>;
  readonly detail: string;
  readonly partnerId: string | null;
}

export type Decoded = { readonly ok: true; readonly event: Event } | ({ readonly ok: false } & NotAnEvent);

/** What a partner's id looks like: the operator chooses it. */
export const PARTNER_ID = /^[A-Za-z0-9._-]{1,64}$/;

/** What an event type looks like: segments of letters, digits, `_` and `-`, joined by dots; 128 characters at most. */
export const EVENT_TYPE = /^(?=.{1,128}$)[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;

/** An ISO 8601 / RFC 3339 time with an offset or Z. */
const TIMESTAMP =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;

const DAY_MS = 86_400_000;

/** An event's id may lie this far from now: partitions exist for these days only. */
const OLDEST_ID_MS = 14 * DAY_MS; // SQS keeps a message 14 days at most
const NEWEST_ID_MS = DAY_MS;

/** The text published to SNS. Direct SNS producers send the same, `id` and `timestamp` being theirs to leave out. */
export function encodeEnvelope(event: Event): string {
  const head = `{"id":"${publicId('evt', event.id)}","partnerId":"${event.partnerId}","type":"${event.type}"`;
  return `${head},"timestamp":"${event.timestamp}","data":${event.data}}`;
}

/** Reads a message's text as an event. */
export function decodeEnvelope(body: string, message: { id: string; sentAt: Date }, now: Date): Decoded {
  const envelope = parseObject(body);
  if (!envelope) return malformed('the message is not a JSON object', null);
  const { partnerId, type, timestamp, id } = envelope;
  if (typeof partnerId !== 'string' || !PARTNER_ID.test(partnerId)) {
    return malformed(`partnerId must match ${PARTNER_ID.source}`, null);
  }
  if (typeof type !== 'string' || !EVENT_TYPE.test(type)) {
    return malformed('type must be a dotted name such as order.created', partnerId);
  }
  if (timestamp !== undefined && (typeof timestamp !== 'string' || !isTimestamp(timestamp))) {
    return malformed('timestamp must be an ISO 8601 time with an offset', partnerId);
  }
  const eventId = id === undefined ? eventIdOfMessage(message.sentAt, message.id) : ownId(id, now);
  if (!eventId) return malformed('id must be an evt_… TypeID of the last 14 days', partnerId);
  const data = rawMember(body, 'data');
  if (data === undefined) return malformed('data is missing', partnerId);
  const event = { id: eventId, partnerId, type, timestamp: timestamp ?? timeOfId(eventId).toISOString(), data };
  return { ok: true, event };
}

/** The body of the webhook request (Standard Webhooks 1.0). */
export const webhookBody = (event: Event): string =>
  `{"type":"${event.type}","timestamp":"${event.timestamp}","data":${event.data}}`;

/** True for a time that exists, is written as {@link TIMESTAMP} asks, and can be kept. */
export const isTimestamp = (text: string): boolean => TIMESTAMP.test(text) && isStorableTime(Date.parse(text));

const FIRST_MS = Date.parse('0001-01-01T00:00:00.000Z');
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/**
 * True for a time whose year is 1 to 9999 in UTC: Postgres knows no year 0, and ISO 8601 writes later years in another way. An
 * offset can carry a time across: `9999-12-31T23:59:59-12:00` is in the year 10000.
 *
 * @param ms since 1970; NaN is none
 */
export const isStorableTime = (ms: number): boolean => ms >= FIRST_MS && ms <= LAST_MS;

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : null;
  } catch {
    return null;
  }
}

function ownId(id: unknown, now: Date): string | null {
  const uuid = typeof id === 'string' ? parsePublicId('evt', id) : null;
  if (!uuid) return null;
  const age = now.getTime() - timeOfId(uuid).getTime();
  return age <= OLDEST_ID_MS && age >= -NEWEST_ID_MS ? uuid : null;
}

const malformed = (detail: string, partnerId: string | null): Decoded => ({
  ok: false,
  reason: 'malformed',
  detail,
  partnerId,
});
