import type pg from 'pg';
import { addTally, bucketStarts, emptyTally, floorTo, type Tally, WINDOWS, type Window } from '../domain/stats.ts';
import { PARTNER_STATS, type StatsOwner, SUBSCRIPTION_STATS, toTally } from './stats-rows.ts';

/** What became of the attempts that started from `start` on, until the next bucket's. */
export interface StatsBucket extends Tally {
  readonly start: Date;
}

export interface StatsReads {
  /** A window's buckets, first to last, those without attempts too. Attempts appear some seconds after they are recorded. */
  ofPartner(partnerId: string, window: Window, now: Date): Promise<StatsBucket[]>;
  /** The same of one subscription; whose it is, is the caller's to know. */
  ofSubscription(subscriptionId: string, window: Window, now: Date): Promise<StatsBucket[]>;
}

/** Reads of what `rollUp` counts. */
export const createStatsReads = (pool: pg.Pool): StatsReads => ({
  ofPartner: (...asked) => read(pool, PARTNER_STATS, ...asked),
  ofSubscription: (...asked) => read(pool, SUBSCRIPTION_STATS, ...asked),
});

interface StatsRow {
  /** Milliseconds. */
  bucket: number;
  outcomes: string;
  latency: Buffer;
}

async function read(pool: pg.Pool, { table, key }: StatsOwner, id: string, window: Window, now: Date) {
  const { resolution, seconds } = WINDOWS[window];
  const buckets = bucketStarts(window, now).map((start) => ({ start, ...emptyTally() }));
  const byStart = new Map(buckets.map((bucket) => [bucket.start.getTime(), bucket]));
  const { rows } = await pool.query<StatsRow>(
    `SELECT (extract(epoch FROM bucket) * 1000)::float8 AS bucket, array_to_string(outcomes, ' ') AS outcomes, latency
     FROM ${table} WHERE ${key} = $1 AND seconds = $2 AND bucket >= $3`,
    [id, resolution, buckets[0]?.start.toISOString()],
  );
  for (const row of rows) {
    const bucket = byStart.get(floorTo(row.bucket, seconds));
    if (bucket) addTally(bucket, toTally(row)); // else in the future: some clock is ahead
  }
  return buckets;
}
