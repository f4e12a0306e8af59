import { isStorableTime, PARTNER_ID } from '../domain/event.ts';

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const isUuid = (text: string): boolean => UUID.test(text);

/** The lists that page, each with what a position in it looks like. */
const POSITIONS = {
  partners: isTimeAndPartner,
  subscriptions: isUuid,
  apiKeys: isUuid,
  events: isUuid,
  deliveries: isUuid,
  recoveries: isUuid,
  feed: isPlaceInFeed,
  deadLetters: isUuid,
  audit: isUuid,
} as const;

export type ListName = keyof typeof POSITIONS;

/** What is asked of a list: so many rows at the most, older than a position. */
export interface PageRequest {
  /** 1–250. */
  readonly limit: number;
  /** The position of the last row of the page before, as {@link decodeCursor} gave it. */
  readonly before?: string | undefined;
}

export interface Page<T> {
  readonly data: T[];
  /** Null on the last page. */
  readonly nextCursor: string | null;
}

/** A position in a list → the text that clients hand back. */
export const encodeCursor = (list: ListName, position: string): string =>
  Buffer.from(`${list} ${position}`).toString('base64url');

/** The position a cursor stands for, or null when it is no cursor of this list. */
export function decodeCursor(list: ListName, cursor: string): string | null {
  const text = Buffer.from(cursor, 'base64url').toString();
  const position = text.slice(list.length + 1);
  const isOurs = text.startsWith(`${list} `) && POSITIONS[list](position) && encodeCursor(list, position) === cursor;
  return isOurs ? position : null;
}

/**
 * Makes a page of up to `limit` + 1 rows: the one too many says that there is a next page.
 *
 * @param restBefore where the list goes on though the rows have ended, because nobody has looked there yet
 */
export function toPage<T>(
  list: ListName,
  rows: readonly T[],
  limit: number,
  positionOf: (row: T) => string,
  restBefore: string | null = null,
): Page<T> {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  const next = hasMore ? positionOf(last) : restBefore;
  return { data, nextCursor: next && encodeCursor(list, next) };
}

/** `2026-01-31T12:00:00.000Z acme`: partners are listed by the time they were created. */
function isTimeAndPartner(text: string): boolean {
  const [time = '', id = ''] = text.split(' ', 2);
  const ms = Date.parse(time);
  return isStorableTime(ms) && new Date(ms).toISOString() === time && PARTNER_ID.test(id);
}

/** `<subscription's UUID> 1042`: every feed counts by itself. */
function isPlaceInFeed(text: string): boolean {
  const [subscriptionId = '', position = ''] = text.split(' ', 2);
  return isUuid(subscriptionId) && /^\d{1,18}$/.test(position);
}
