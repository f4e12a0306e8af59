import type pg from 'pg';
import type { DeliveryState } from '../domain/delivery.ts';
import { deliveryIdRange } from '../domain/ids.ts';
import type { PageRequest } from './cursor.ts';
import { idBounds, type TimeRange } from './events.ts';
import { ROWS_LOOKED_AT, scanFloor } from './scan.ts';

export interface DeliveryFilter extends TimeRange {
  readonly state?: DeliveryState | undefined;
  readonly subscriptionId?: string | undefined;
  readonly eventId?: string | undefined;
  readonly eventType?: string | undefined;
}

/** A statement that gives up to `limit` + 1 rows of `deliveries`. */
export interface DeliveryRows {
  readonly text: string;
  readonly values: readonly unknown[];
  /** Below this id the list goes on, though these are all rows: nobody has looked there yet. Null: it ends with them. */
  readonly restBefore: string | null;
}

interface Asked {
  readonly partnerId: string;
  readonly filter: DeliveryFilter;
  readonly limit: number;
  /** The ids asked for: `from` included, `before` not. */
  readonly from: string;
  readonly before: string;
}

/** The list's statement: which index leads to the rows depends on the filter, and none walks what it does not show. */
export async function deliveryRows(
  pool: pg.Pool,
  partnerId: string,
  filter: DeliveryFilter,
  { limit, before }: PageRequest,
): Promise<DeliveryRows> {
  const asked = { partnerId, filter, limit, ...idBounds(filter, before) };
  if (filter.eventId !== undefined) return ofEvent(asked, filter.eventId);
  if (filter.subscriptionId !== undefined) return ofSubscription(pool, asked, filter.subscriptionId);
  const isIndexed = isUnsettled(filter.state) && filter.eventType === undefined;
  return isIndexed ? unsettledOfPartner(asked) : ofPartnersEvents(pool, asked);
}

/** These have an index of their own, on `(subscription_id, state, id)`. */
const isUnsettled = (state: DeliveryState | undefined): boolean => state !== undefined && state !== 'succeeded';
const UNSETTLED = `state <> 'succeeded'`;

const OWN = 'subscription_id IN (SELECT id FROM subscriptions WHERE partner_id = $1)';

/** An event's deliveries are neighbours in the primary key. */
function ofEvent({ partnerId, filter, limit, from, before }: Asked, eventId: string): DeliveryRows {
  const range = deliveryIdRange(eventId);
  const { text, values } = withFilter([partnerId, from, before, range.from, range.to, eventId], filter);
  const subscription =
    filter.subscriptionId === undefined ? '' : `AND subscription_id = $${values.push(filter.subscriptionId)}`;
  return {
    text: `SELECT * FROM deliveries WHERE id >= $2 AND id < $3 AND id >= $4 AND id <= $5 AND event_id = $6 ${text} ${subscription}
      AND ${OWN} ORDER BY id DESC LIMIT ${limit + 1}`,
    values,
    restBefore: null,
  };
}

/** One subscription's, from its index by id or that by state; what neither knows is looked for a stretch at a time. */
async function ofSubscription(pool: pg.Pool, asked: Asked, subscriptionId: string): Promise<DeliveryRows> {
  const { partnerId, filter, limit, from, before } = asked;
  const byState = isUnsettled(filter.state);
  const isIndexed = filter.eventType === undefined && (byState || filter.state === undefined);
  const where = `subscription_id = $1 ${byState ? `AND ${UNSETTLED} AND state = $2` : ''}`;
  const owned = byState ? [subscriptionId, filter.state] : [subscriptionId];
  const scan = { table: 'deliveries', where, values: owned, from, before } as const;
  const floor = isIndexed ? null : await scanFloor(pool, scan);
  const { text, values } = withFilter([subscriptionId, floor ?? from, before, partnerId], filter);
  return {
    text: `SELECT * FROM deliveries WHERE subscription_id = $1 AND id >= $2 AND id < $3 ${byState ? `AND ${UNSETTLED}` : ''} ${text}
      AND (SELECT partner_id FROM subscriptions WHERE id = $1) = $4 ORDER BY id DESC LIMIT ${limit + 1}`,
    values,
    restBefore: floor,
  };
}

/**
 * Merges the subscriptions' lists. Of thousands of subscriptions only those count whose newest row is among the newest: one look-up
 * each, then a page's rows of a page's number of subscriptions.
 */
function unsettledOfPartner({ partnerId, filter, limit, from, before }: Asked): DeliveryRows {
  const newest = (
    rows: number,
  ) => `SELECT * FROM deliveries WHERE subscription_id = s.id AND state = $4 AND ${UNSETTLED}
    AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT ${rows}`;
  return {
    text: `
      WITH ahead AS MATERIALIZED (
        SELECT s.id FROM subscriptions s CROSS JOIN LATERAL (${newest(1)}) d
        WHERE s.partner_id = $1 ORDER BY d.id DESC LIMIT ${limit + 1}
      )
      SELECT d.* FROM ahead s CROSS JOIN LATERAL (${newest(limit + 1)}) d ORDER BY d.id DESC LIMIT ${limit + 1}`,
    values: [partnerId, from, before, filter.state],
    restBefore: null,
  };
}

/** The part of an id that an event and its deliveries share; events of one moment may share it too, and count as one here. */
const head = (id: string): string => id.slice(0, 18);

/**
 * Goes along the partner's events and takes each one's deliveries: what it costs does not grow with the number of subscriptions. Events
 * that matched nothing and other types are passed by, and so are deliveries in other states, so it looks at a stretch at a time.
 */
async function ofPartnersEvents(pool: pg.Pool, asked: Asked): Promise<DeliveryRows> {
  const { partnerId, filter, limit, from, before } = asked;
  const events = { from: `${head(from)}-0000-000000000000`, before: `${head(before)}-ffff-ffffffffffff` };
  const scan = { table: 'events', where: 'partner_id = $1', values: [partnerId], ...events } as const;
  const eventFloor = await scanFloor(pool, scan);
  const values: unknown[] = [partnerId, from, before, eventFloor ?? events.from, events.before];
  const type = filter.eventType === undefined ? '' : `AND type = $${values.push(filter.eventType)}`;
  const walk = { values: [...values], type };
  const deliveryFloor = filter.state === undefined ? null : await deliveriesFloor(pool, walk);
  if (deliveryFloor) values[1] = deliveryFloor;
  const { text } = withFilter(values, filter);
  return {
    text: alongEvents({ type, text: `${text} AND ${OWN}`, columns: '*', limit: limit + 1 }),
    values,
    restBefore: deliveryFloor ?? (eventFloor && `${head(eventFloor)}-0000-000000000000`),
  };
}

interface Walk {
  /** A condition on the events. */
  readonly type: string;
  /** Conditions on their deliveries. */
  readonly text: string;
  readonly columns: string;
  readonly limit: number;
}

/** Deliveries `$2` … `$3` of the partner `$1`, along its events `$4` … `$5`: newest event first. */
const alongEvents = ({ type, text, columns, limit }: Walk): string => `
  SELECT d.* FROM (
    SELECT id, left(id::text, 18) AS head, lag(left(id::text, 18)) OVER (ORDER BY id DESC) AS above
    FROM events WHERE partner_id = $1 AND id >= $4 AND id < $5 ${type}
  ) e CROSS JOIN LATERAL (
    SELECT ${columns} FROM deliveries WHERE id >= (e.head || '-0000-000000000000')::uuid AND id <= (e.head || '-ffff-ffffffffffff')::uuid
      AND id >= $2 AND id < $3 ${text} ORDER BY id DESC LIMIT ${limit}
  ) d
  WHERE e.above IS DISTINCT FROM e.head
  ORDER BY e.id DESC, d.id DESC LIMIT ${limit}`;

/** An event can have thousands of deliveries: with a state to look for, no more rows are looked at than of a list with an index. */
async function deliveriesFloor(pool: pg.Pool, { values, type }: { values: unknown[]; type: string }) {
  const text = `SELECT id::text FROM (${alongEvents({ type, text: '', columns: 'id', limit: ROWS_LOOKED_AT })}) looked
    OFFSET ${ROWS_LOOKED_AT - 1}`;
  const { rows } = await pool.query<{ id: string }>(text, values);
  return rows[0]?.id ?? null;
}

/** Conditions on a delivery's own columns; their values come after those given. */
function withFilter(values: unknown[], { state, eventType }: DeliveryFilter): { text: string; values: unknown[] } {
  const parts: string[] = [];
  if (state !== undefined) parts.push(`AND state = $${values.push(state)}`);
  if (eventType !== undefined) parts.push(`AND event_type = $${values.push(eventType)}`);
  return { text: parts.join(' '), values };
}
