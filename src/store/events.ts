import type pg from 'pg';
import { deliveryIdRange, timeOfId, uuidFloor } from '../domain/ids.ts';
import type { Skipped, UnmatchedReason } from '../domain/subscription.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import { scanFloor } from './scan.ts';

/** An event on record, without its data (up to 256 KiB each). */
export interface EventSummary {
  readonly id: string;
  readonly partnerId: string;
  readonly type: string;
  readonly timestamp: string;
}

export interface StoredEvent extends EventSummary {
  /** JSON text, as the producer sent it. */
  readonly data: string;
  /** Subscriptions it is for. */
  readonly fanOut: number;
  /** In how many feeds of polled subscriptions it is. */
  readonly inFeeds: number;
  /** The subscriptions it passed by, and why: the first hundred. */
  readonly skipped: readonly Skipped[];
  /** How many more it passed by. */
  readonly skippedMore: number;
  /** Why it concerned nobody; null when it did. */
  readonly unmatched: UnmatchedReason | null;
}

/** `since` is included, `until` is not; both compare with the time of acceptance. */
export interface TimeRange {
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface EventFilter extends TimeRange {
  readonly type?: string | undefined;
}

/** The smallest and the largest text of a UUID. */
const FIRST_ID = '00000000-0000-0000-0000-000000000000';
const LAST_ID = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** The ids a time range and a page ask for, `from` included, `before` not: they prune the daily partitions. */
export function idBounds({ since, until }: TimeRange, before: string | undefined): { from: string; before: string } {
  const end = until ? uuidFloor(until) : LAST_ID;
  return { from: since ? uuidFloor(since) : FIRST_ID, before: before !== undefined && before < end ? before : end };
}

export interface EventReads {
  /** A partner's events, newest first. */
  list(partnerId: string, filter: EventFilter, page: PageRequest): Promise<Page<EventSummary>>;
  /** Null when the partner has no such event. */
  find(partnerId: string, id: string): Promise<StoredEvent | null>;
}

interface EventRow {
  id: string;
  type: string;
  timestamp: string | null;
}

/** An entry of an event's `skipped`: a subscription passed by; at the end, how many more; or, alone, why the event concerned nobody. */
type SkippedEntry = Skipped | More | Unmatched;
interface More {
  readonly more: number;
}
interface Unmatched {
  readonly reason: UnmatchedReason;
}

interface DetailRow extends EventRow {
  data: string;
  skipped: SkippedEntry[] | null;
  fanOut: number;
  inFeeds: number;
}

const FIND = `
  SELECT id, type, timestamp, data, skipped, fan_out AS "fanOut",
    (SELECT count(*)::int FROM feed WHERE delivery_id >= $3 AND delivery_id <= $4 AND event_id = $1) AS "inFeeds"
  FROM events WHERE id = $1 AND partner_id = $2`;

/** Reads of the events; the hot path writes them. */
export function createEventReads(pool: pg.Pool): EventReads {
  return { list: (...asked) => list(pool, ...asked), find: (...asked) => find(pool, ...asked) };
}

async function list(pool: pg.Pool, partnerId: string, filter: EventFilter, { limit, before }: PageRequest) {
  const bounds = idBounds(filter, before);
  const scan = { table: 'events', where: 'partner_id = $1', values: [partnerId], ...bounds } as const;
  const floor = filter.type === undefined ? null : await scanFloor(pool, scan); // types have no index
  const values = [partnerId, floor ?? bounds.from, bounds.before, ...(filter.type === undefined ? [] : [filter.type])];
  const { rows } = await pool.query<EventRow>(
    `SELECT id, type, timestamp FROM events
     WHERE partner_id = $1 AND id >= $2 AND id < $3 ${filter.type === undefined ? '' : 'AND type = $4'}
     ORDER BY id DESC LIMIT ${limit + 1}`, // a literal: the planner then knows that few rows are wanted
    values,
  );
  const events = rows.map((row) => toSummary(partnerId, row));
  return toPage('events', events, limit, ({ id }) => id, floor);
}

async function find(pool: pg.Pool, partnerId: string, id: string): Promise<StoredEvent | null> {
  const { from, to } = deliveryIdRange(id);
  const { rows } = await pool.query<DetailRow>(FIND, [id, partnerId, from, to]);
  const [row] = rows;
  if (!row) return null;
  const entries = row.skipped ?? [];
  const skipped = entries.filter((each): each is Skipped => 'subscriptionId' in each);
  const skippedMore = entries.find((each): each is More => 'more' in each)?.more ?? 0;
  const isUnmatched = (each: SkippedEntry): each is Unmatched => !('subscriptionId' in each) && !('more' in each);
  const unmatched = entries.find(isUnmatched)?.reason ?? null;
  const { data, fanOut, inFeeds } = row;
  return { ...toSummary(partnerId, row), data, fanOut, inFeeds, skipped, skippedMore, unmatched };
}

const toSummary = (partnerId: string, { id, type, timestamp }: EventRow): EventSummary => ({
  id,
  partnerId,
  type,
  timestamp: timestamp ?? timeOfId(id).toISOString(),
});
