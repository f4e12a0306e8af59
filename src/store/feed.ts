import type pg from 'pg';
import type { Event } from '../domain/event.ts';
import { timeOfId } from '../domain/ids.ts';

export interface FeedPage {
  readonly events: readonly Omit<Event, 'partnerId'>[];
  /** Of the last event, or where the page was asked from: the next page begins after it. */
  readonly position: string;
}

/** Where somebody stands in a feed. */
export interface FeedPlace {
  readonly subscriptionId: string;
  /** A position that a page gave; '0': the beginning. */
  readonly after: string;
}

export interface Feed {
  /**
   * The events of a polled subscription after a position, in the one order that everybody reads.
   *
   * @param after a position that a page gave; '0': from the beginning
   */
  read(subscriptionId: string, after: string, limit: number): Promise<FeedPage>;
  /** The last position that was given; '0': none. */
  head(subscriptionId: string): Promise<string>;
  /** For each place, in order: is reading on worth it? There is an event, or the subscription is gone. */
  haveNews(places: readonly FeedPlace[]): Promise<boolean[]>;
}

/** So many rows get their position at once: a backlog is placed as it is read. */
const PLACED_AT_ONCE = 1_000;

/** A page ends after so many bytes of data, and holds one event at least. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** The feeds, as they are read. */
export function createFeed(pool: pg.Pool): Feed {
  return {
    async read(subscriptionId, after, limit) {
      const placed = await readPlaced(pool, subscriptionId, after, limit);
      if (placed.events.length > 0 || !(await hasUnplaced(pool, subscriptionId))) return placed;
      await place(pool, subscriptionId);
      return readPlaced(pool, subscriptionId, after, limit);
    },
    async head(subscriptionId) {
      const text = 'SELECT position::text FROM feed_heads WHERE subscription_id = $1';
      return (await pool.query<{ position: string }>(text, [subscriptionId])).rows[0]?.position ?? '0';
    },
    haveNews: (places) => haveNews(pool, places),
  };
}

async function haveNews(pool: pg.Pool, places: readonly FeedPlace[]): Promise<boolean[]> {
  const { rows } = await pool.query<{ news: boolean }>({
    name: 'feed-news',
    text: `
      SELECT EXISTS (SELECT FROM feed WHERE subscription_id = p.id AND position IS NULL)
        OR EXISTS (SELECT FROM feed WHERE subscription_id = p.id AND position > p.after)
        OR NOT EXISTS (SELECT FROM subscriptions WHERE id = p.id AND deleted_at IS NULL) AS news
      FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS p (id, after, number) ORDER BY p.number`,
    values: [places.map(({ subscriptionId }) => subscriptionId), places.map(({ after }) => after)],
  });
  return rows.map(({ news }) => news);
}

interface FeedRow {
  position: string;
  id: string;
  type: string;
  timestamp: string | null;
  data: string;
}

async function readPlaced(pool: pg.Pool, subscriptionId: string, after: string, limit: number): Promise<FeedPage> {
  const { rows } = await pool.query<FeedRow>(
    `SELECT position::text, id, type, "timestamp", data FROM (
       SELECT f.*, sum(octet_length(f.data)) OVER (ORDER BY f.position) - octet_length(f.data) AS before
       FROM (
         SELECT f.position, e.* FROM feed f
         CROSS JOIN LATERAL (SELECT id, type, "timestamp", data FROM events WHERE id = f.event_id LIMIT 1) e
         WHERE f.subscription_id = $1 AND f.position > $2 ORDER BY f.position LIMIT ${limit}
       ) f
     ) page WHERE before < ${PAGE_BYTES} ORDER BY page.position`,
    [subscriptionId, after],
  );
  const events = rows.map(({ id, type, timestamp, data }) => ({
    id,
    type,
    timestamp: timestamp ?? timeOfId(id).toISOString(),
    data,
  }));
  return { events, position: rows.at(-1)?.position ?? after };
}

async function hasUnplaced(pool: pg.Pool, subscriptionId: string): Promise<boolean> {
  const { rows } = await pool.query<{ unplaced: boolean }>({
    name: 'feed-unplaced',
    text: 'SELECT EXISTS (SELECT FROM feed WHERE subscription_id = $1 AND position IS NULL) AS unplaced',
    values: [subscriptionId],
  });
  return rows[0]?.unplaced ?? false;
}

/**
 * Gives positions to what is committed and has none. One reader at a time, by the lock of the feed's head: the rows it places
 * and the head's new position are committed together, so positions become visible in their order and without a gap.
 */
async function place(pool: pg.Pool, subscriptionId: string): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('INSERT INTO feed_heads (subscription_id) VALUES ($1) ON CONFLICT DO NOTHING', [subscriptionId]);
    // Statements of their own: each sees what was committed while the lock was waited for.
    const head = await client.query<{ position: string }>(
      'SELECT position::text FROM feed_heads WHERE subscription_id = $1 FOR UPDATE',
      [subscriptionId],
    );
    const { rows } = await client.query<{ id: string }>(
      `SELECT delivery_id AS id FROM feed WHERE subscription_id = $1 AND position IS NULL
       ORDER BY delivery_id LIMIT ${PLACED_AT_ONCE}`,
      [subscriptionId],
    );
    await placeRows(client, subscriptionId, BigInt(head.rows[0]?.position ?? 0), rows);
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true); // closing the connection ends its transaction, whatever state it is in
    throw error;
  }
}

async function placeRows(client: pg.PoolClient, subscriptionId: string, head: bigint, rows: readonly { id: string }[]) {
  const first = rows[0];
  const last = rows.at(-1);
  if (!first || !last) return; // somebody else was quicker
  const ids = rows.map(({ id }) => id);
  const positions = ids.map((_, index) => String(head + BigInt(index + 1)));
  await client.query(
    `UPDATE feed SET position = i.position FROM unnest($1::uuid[], $2::bigint[]) AS i (id, position)
     WHERE delivery_id = i.id AND delivery_id BETWEEN $3 AND $4`, // the bounds leave few partitions to look into
    [ids, positions, first.id, last.id],
  );
  const text = 'UPDATE feed_heads SET position = $2 WHERE subscription_id = $1';
  await client.query(text, [subscriptionId, positions.at(-1)]);
}
