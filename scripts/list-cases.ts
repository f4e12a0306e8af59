import type pg from 'pg';
import { timeOfId } from '../src/domain/ids.ts';
import type { Page, PageRequest } from '../src/store/cursor.ts';
import { createDeliveryReads } from '../src/store/deliveries.ts';
import type { DeliveryFilter } from '../src/store/delivery-lists.ts';
import { createEventReads, type EventFilter } from '../src/store/events.ts';

type Rows = Page<{ readonly id: string }>;

/** One way of asking for a list; `page` reads it on the given pool. */
export interface ListCase {
  readonly name: string;
  readonly page: (pool: pg.Pool, page: PageRequest) => Promise<Rows>;
  /** Where a deep page begins. */
  readonly deep: string;
}

/** Every list and filter of deliveries and events, as asked of a database that `seed` has filled. */
export async function listCases(pool: pg.Pool): Promise<ListCase[]> {
  const { rows } = await pool.query<{ id: string; event_id: string }>(
    `SELECT d.subscription_id AS id, d.event_id FROM subscriptions s CROSS JOIN LATERAL (SELECT * FROM deliveries
       WHERE subscription_id = s.id ORDER BY id DESC OFFSET 20 LIMIT 1) d WHERE s.partner_id = 'partner-1' LIMIT 1`,
  );
  const { id: subscriptionId, event_id: eventId } = rows[0] as { id: string; event_id: string };
  const { rows: middle } = await pool.query<{ id: string }>(
    'SELECT id FROM events WHERE partner_id = $1 ORDER BY id OFFSET (SELECT count(*) / 2 FROM events WHERE partner_id = $1) LIMIT 1',
    ['partner-1'],
  );
  const deep = (middle[0] as { id: string }).id;
  const range = { since: new Date(timeOfId(deep).getTime() - 86_400_000), until: timeOfId(deep) };
  const deliveries: [string, DeliveryFilter][] = [
    ['', {}],
    ['subscription', { subscriptionId }],
    ...(['pending', 'succeeded', 'exhausted', 'canceled'] as const).flatMap((state): [string, DeliveryFilter][] => [
      [state, { state }],
      [`subscription, ${state}`, { state, subscriptionId }],
    ]),
    ['event', { eventId }],
    ['event, subscription, state', { eventId, subscriptionId, state: 'succeeded' }],
    ['a fifth of the types', { eventType: 'order.paid' }],
    ['rare type', { eventType: 'dispute.opened' }],
    ['type that never was', { eventType: 'never' }],
    ['rare type, subscription', { eventType: 'dispute.opened', subscriptionId }],
    ['rare type, exhausted', { eventType: 'dispute.opened', state: 'exhausted' }],
    ['rare type, exhausted, subscription', { eventType: 'dispute.opened', state: 'exhausted', subscriptionId }],
    ['since, until', range],
    ['since, until, exhausted', { ...range, state: 'exhausted' }],
    ['since, until, subscription', { ...range, subscriptionId }],
  ];
  const events: [string, EventFilter][] = [
    ['', {}],
    ['a fifth of the types', { type: 'order.paid' }],
    ['rare type', { type: 'dispute.opened' }],
    ['since, until', range],
  ];
  const many = deliveries.filter(([, { subscriptionId, eventId }]) => !subscriptionId && !eventId);
  return [
    ...deliveries.map(([name, filter]) => deliveryCase(`deliveries: ${name || 'all'}`, 'partner-1', filter, deep)),
    ...many.map(([name, filter]) => deliveryCase(`of 5,000 subscriptions: ${name || 'all'}`, 'many', filter, deep)),
    ...events.map(([name, filter]) => eventCase(`events: ${name || 'all'}`, filter, deep)),
  ];
}

const deliveryCase = (name: string, partnerId: string, filter: DeliveryFilter, deep: string): ListCase => ({
  name,
  deep,
  page: (pool, page) => createDeliveryReads(pool).list(partnerId, filter, page),
});

const eventCase = (name: string, filter: EventFilter, deep: string): ListCase => ({
  name,
  deep,
  page: (pool, page) => createEventReads(pool).list('partner-1', filter, page),
});

/** The statements that a read makes, each with its plan as Postgres tells it. */
export async function plansOf(pool: pg.Pool, read: (pool: pg.Pool) => Promise<unknown>): Promise<string[]> {
  const asked: { text: string; values: unknown[] }[] = [];
  const listening = {
    query: (text: string, values: unknown[]) => {
      asked.push({ text, values });
      return pool.query(text, values);
    },
  };
  await read(listening as unknown as pg.Pool);
  const plans: string[] = [];
  for (const { text, values } of asked) {
    const { rows } = await pool.query<{ 'QUERY PLAN': string }>(
      `EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ${text}`,
      values,
    );
    plans.push(rows.map((row) => row['QUERY PLAN']).join('\n'));
  }
  return plans;
}

/** How a plan reads tables: those scans that were made, `Index Scan on deliveries`, each once. Partitions count as their table. */
export function scansOf(plan: string): string[] {
  const pattern =
    /(\w+(?: \w+)* Scan)(?: Backward)?(?: using \S+)? on (\w+?)(?:_\d{8})?(?: \w+)?(?: \(actual|$| \(never)/gm;
  return [...new Set([...plan.matchAll(pattern)].map(([, scan, table]) => `${scan} on ${table}`))].sort();
}
