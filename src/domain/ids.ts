import { hash, randomUUIDv7 } from 'node:crypto';

/** What each kind of id looks like outside the database: a TypeID with this prefix (https://github.com/jetify-com/typeid). */
export type IdPrefix = 'evt' | 'sub' | 'dlv' | 'key' | 'sec' | 'dl' | 'rcv' | 'aud';

/** A new UUIDv7 (RFC 9562), the form every id has in the database. */
export const newId = (): string => randomUUIDv7();

/**
 * Makes UUIDv7 that grow even within a millisecond (RFC 9562 §6.2, method 1): `rand_a` counts on from where it was, and the
 * time goes a millisecond ahead when 4,096 were not enough. The order of ids is then the order of the calls.
 */
export function createGrowingIds(make: () => string = randomUUIDv7): () => string {
  let last = '';
  return () => {
    const id = make();
    last = id.slice(0, 18) > last.slice(0, 18) ? id : successor(last, id);
    return last;
  };
}

/** The head after `before`, with the random tail of `fresh`. */
function successor(before: string, fresh: string): string {
  const time = before.slice(0, 8) + before.slice(9, 13);
  const count = Number.parseInt(before.slice(15, 18), 16) + 1;
  const head = count <= 0xfff ? time : (Number.parseInt(time, 16) + 1).toString(16).padStart(12, '0');
  const counter = (count & 0xfff).toString(16).padStart(3, '0');
  return `${head.slice(0, 8)}-${head.slice(8)}-7${counter}${fresh.slice(18)}`;
}

/** Crockford's base32, in lower case, as TypeID takes it. */
const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * UUID → TypeID, e.g. `evt_01h455vb4pex5vsknk084sn02q`. By hand, because every delivery needs three of them and the library takes
 * 5 µs each: 128 bits in 26 digits of 5, the first of which holds 3.
 */
export function publicId(prefix: IdPrefix, uuid: string): string {
  const hex = uuid.slice(0, 8) + uuid.slice(9, 13) + uuid.slice(14, 18) + uuid.slice(19, 23) + uuid.slice(24);
  const high = Number.parseInt(hex.slice(0, 7), 16); // 28 bits: 3 + 5 × 5
  let text = digits(high, 6);
  // Then 100 bits, in five groups of 20: 5 hex digits are 4 base32 digits.
  for (let at = 7; at < 32; at += 5) text += digits(Number.parseInt(hex.slice(at, at + 5), 16), 4);
  return `${prefix}_${text}`;
}

function digits(value: number, count: number): string {
  let text = '';
  for (let shift = 5 * (count - 1); shift >= 0; shift -= 5) text += BASE32[(value >>> shift) & 31];
  return text;
}

const TYPE_ID_SUFFIX = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/;

/** TypeID → UUID, or null when the text is not an id of this kind. */
export function parsePublicId(prefix: IdPrefix, text: string): string | null {
  if (!text.startsWith(`${prefix}_`)) return null;
  const suffix = text.slice(prefix.length + 1);
  if (!TYPE_ID_SUFFIX.test(suffix)) return null;
  let hex = numberOf(suffix, 0, 6).toString(16).padStart(7, '0');
  for (let at = 6; at < 26; at += 4) hex += numberOf(suffix, at, 4).toString(16).padStart(5, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

function numberOf(text: string, from: number, count: number): number {
  let value = 0;
  for (let at = from; at < from + count; at++) value = value * 32 + BASE32.indexOf(text[at] as string);
  return value;
}

/**
 * The id of an event's delivery to a subscription: the leading 64 bits of the event's id, then 62 bits of a hash of both. So an
 * event's deliveries are neighbours in the primary key, and inserting the same delivery twice conflicts by itself.
 */
export function deliveryId(eventId: string, subscriptionId: string): string {
  return uuidWithTail(eventId, `${eventId}${subscriptionId}`);
}

/** The smallest and largest id that {@link deliveryId} can give for an event: the range to look an event's deliveries up in. */
export function deliveryIdRange(eventId: string): { from: string; to: string } {
  const head = eventId.slice(0, 18);
  return { from: `${head}-8000-000000000000`, to: `${head}-bfff-ffffffffffff` };
}

/**
 * The event id of a message that brought none: its time, then a hash of the transport's message id, so that receiving the
 * same message again gives the same event.
 *
 * @param sentAt when the transport took the message
 */
export function eventIdOfMessage(sentAt: Date, messageId: string): string {
  const time = uuidFloor(sentAt).slice(0, 14);
  const random = hash('sha256', messageId, 'hex');
  return uuidWithTail(`${time}7${random.slice(0, 3)}-`, messageId);
}

/** A UUIDv7-shaped id: the first 18 characters (64 bits) of `head`, then 62 bits of the SHA-256 of `tailOf`. */
function uuidWithTail(head: string, tailOf: string): string {
  const tail = hash('sha256', tailOf, 'hex');
  const variant = '89ab'[Number.parseInt(tail[0] as string, 16) & 3];
  return `${head.slice(0, 18)}-${variant}${tail.slice(1, 4)}-${tail.slice(4, 16)}`;
}

/** The time a UUIDv7 carries, to the millisecond. */
export const timeOfId = (uuid: string): Date => new Date(Number.parseInt(uuid.slice(0, 8) + uuid.slice(9, 13), 16));

/** The smallest UUID that carries this time or a later one: the bound for "since" and "until" on a key of ids. */
export function uuidFloor(time: Date): string {
  const hex = Math.max(0, time.getTime()).toString(16).padStart(12, '0');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-0000-0000-000000000000`;
}
