import type pg from 'pg';
import type { FeedRecord } from '../domain/record.ts';

/**
 * Puts events into the feeds of polled subscriptions; those that are there stay where they are.
 *
 * @returns the ids of events that are not on record (any more, see `recordFirstResults`): they were not put into a feed
 */
export async function recordFeed(pool: pg.Pool, records: readonly FeedRecord[]): Promise<Set<string>> {
  const { rows } = await pool.query<{ id: string }>({
    name: 'record-feed',
    text: `
      WITH input AS MATERIALIZED (
        SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS i (delivery_id, subscription_id, event_id)
      ), written AS (
        INSERT INTO feed (delivery_id, subscription_id, event_id)
        SELECT * FROM input i WHERE EXISTS (SELECT FROM events e WHERE e.id = i.event_id)
        ON CONFLICT (delivery_id) DO NOTHING
      )
      SELECT i.event_id::text AS id FROM input i WHERE NOT EXISTS (SELECT FROM events e WHERE e.id = i.event_id)`,
    values: [
      records.map(({ deliveryId }) => deliveryId),
      records.map(({ subscriptionId }) => subscriptionId),
      records.map(({ eventRecord }) => eventRecord.event.id),
    ],
  });
  return new Set(rows.map(({ id }) => id));
}
