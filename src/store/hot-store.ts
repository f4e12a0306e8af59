import type pg from 'pg';
import type { Health, SharedHealth } from '../domain/breaker.ts';
import type { DeadLetter, EventRecord, EventRecorded, FeedRecord, FirstResult, LaterResult } from '../domain/record.ts';
import { type ClaimRequest, type Claims, cancelClaimed, claimDueDeliveries, putBack } from './hot-claims.ts';
import { disableSubscription, recordDeadLetter } from './hot-dead-letters.ts';
import { correctEvent, ownerOfEvent, persistEvents, recordedDeliveries, takeOverEvent } from './hot-events.ts';
import { recordFeed } from './hot-feed.ts';
import { changeHealth, loadHealth } from './hot-health.ts';
import { recordFirstResults, recordLaterResults } from './hot-results.ts';
import { ensurePartitions } from './partitions.ts';
import { createPool, HOT_SETTINGS } from './pool.ts';
import { type Settled, storedEach } from './stored-each.ts';
import { untilStored } from './transient.ts';

/** Gathers single calls into batches: the micro-batcher, as far as it is needed here. */
export type Batch = <T, R>(options: {
  /** What the rows are. */
  name: string;
  flush: (items: T[]) => Promise<R[]>;
  maxItems: number;
  parallel: number;
  gapMs: number;
}) => { add(item: T): Promise<R> };

export interface HotStoreOptions {
  readonly url: string;
  readonly batch: Batch;
  /** Gives up waiting for Postgres: the process is stopping. */
  readonly signal: AbortSignal;
  /** Told of every call that has to be repeated, be it later. */
  onRetry(error: Error, attempt: number): void;
  /** Told of due deliveries whose event is not on record: they are canceled. */
  onOrphans(deliveryIds: readonly string[]): void;
}

/** Rows in one statement. Batches of 100 cost half the Postgres CPU per row of batches of 20; larger ones gain nothing. */
const BATCH_ROWS = 100;

/** The webhook waits for this write, so it is hardly ever held back. */
const PERSIST_GAP_MS = 2;

/** Nobody waits for a result to be recorded but its message: a busy worker gathers this long, and writes half as dear. */
const RECORD_GAP_MS = 20;

const NO_PARTITION = '23514';

/** The workers' side of the store: each call waits until Postgres has answered, however long it is away. */
export function createHotStore({ url, batch, signal, onRetry, onOrphans }: HotStoreOptions) {
  const pool = (name: string, max: number, settings: Record<string, string>) =>
    createPool({ url, max, applicationName: `postrider-${name}`, settings: { ...HOT_SETTINGS, ...settings } });
  // An event's first write need not reach the disk before the webhook is sent: until its result is recorded, which does
  // wait for the disk (and for all that was written before), SQS still has the message.
  const early = pool('persist', 2, { enable_hashjoin: 'on', synchronous_commit: 'off' });
  const durable = pool('record', 8, {});
  const options = { signal, onRetry };
  const wait = <T>(call: () => Promise<T>) => untilStored(call, options);

  function batched<T, R>(
    name: string,
    gapMs: number,
    call: (rows: readonly T[]) => Promise<R[]>,
  ): (row: T) => Promise<R> {
    const flush = (rows: T[]) => storedEach(rows, call, options);
    const batcher = batch<T, Settled<R>>({ name, flush, maxItems: BATCH_ROWS, parallel: 2, gapMs });
    return async (row) => {
      const settled = await batcher.add(row);
      if (settled.ok) return settled.value;
      throw settled.error;
    };
  }

  /** An event for nobody is acknowledged right after this write, so this write has to reach the disk. */
  const persist = (records: readonly EventRecord[]): Promise<EventRecorded[]> => {
    const target = records.some(({ fanOut }) => fanOut === 0) ? durable : early;
    return withPartitions(durable, () => persistEvents(target, records));
  };

  /** Events that a crash of Postgres has forgotten between the two steps are put on record again, this time durably. */
  async function withEvents<T extends { readonly eventRecord: EventRecord }>(
    rows: readonly T[],
    write: (rows: readonly T[]) => Promise<ReadonlySet<string>>,
  ): Promise<undefined[]> {
    const forgotten = await write(rows);
    if (forgotten.size > 0) {
      const left = rows.filter(({ eventRecord }) => forgotten.has(eventRecord.event.id));
      const records = new Map(left.map(({ eventRecord }) => [eventRecord.event.id, eventRecord]));
      await withPartitions(durable, () => persistEvents(durable, [...records.values()]));
      await write(left);
    }
    return rows.map(() => undefined);
  }

  return {
    persist: batched('persist', PERSIST_GAP_MS, persist),
    record: batched<FirstResult, undefined>('record', RECORD_GAP_MS, (results) =>
      withEvents(results, (rows) => recordFirstResults(durable, rows)),
    ),
    feed: batched<FeedRecord, undefined>('feed', RECORD_GAP_MS, (records) =>
      withEvents(records, (rows) => withPartitions(durable, () => recordFeed(durable, rows))),
    ),
    recordLater: batched('record_later', RECORD_GAP_MS, (results: readonly LaterResult[]) =>
      recordLaterResults(durable, results),
    ),
    correct: (record: EventRecord) => wait(() => correctEvent(durable, record)),
    owner: (eventId: string) => wait(() => ownerOfEvent(durable, eventId)),
    recorded: (deliveryIds: readonly string[]) => wait(() => recordedDeliveries(durable, deliveryIds)),
    takeOver: (eventId: string, leaseMs: number) => wait(() => takeOverEvent(durable, eventId, leaseMs)),
    deadLetter: (letter: DeadLetter) => wait(() => recordDeadLetter(durable, letter)),
    disable: (subscription: { id: string; url: string }, reason: string, failingSince: Date | null) =>
      wait(() => disableSubscription(durable, subscription, reason, failingSince)),
    changeHealth: (
      subscription: { id: string; url: string },
      change: (health: Health | null) => Health | null,
    ): Promise<SharedHealth> => wait(() => changeHealth(durable, subscription, change)),
    /** Every subscription in trouble. */
    loadHealth: () => wait(() => loadHealth(durable)),
    /** Not waited for: the retrier looks again by itself. */
    claim: async (request: ClaimRequest): Promise<Claims> => {
      const claims = await claimDueDeliveries(durable, request);
      if (claims.orphans.length > 0) {
        onOrphans(claims.orphans);
        // The others are claimed by now, and not to wait for this: what fails is done when the orphans' lease has run out.
        await cancelClaimed(durable, claims.orphans).catch((error) => onRetry(error, 1));
      }
      return claims;
    },
    putBack: (deliveryId: string, attemptCount: number) => wait(() => putBack(durable, deliveryId, attemptCount)),
    cancel: (deliveryId: string) => wait(() => cancelClaimed(durable, [deliveryId])),
    ensurePartitions: () => wait(() => ensurePartitions(durable)),
    /** For reads that need no waiting. */
    pool: durable,
    pools: { persist: early, record: durable },
    close: async () => {
      await Promise.all([early.end(), durable.end()]);
    },
  };
}

export type HotStore = ReturnType<typeof createHotStore>;

/** A message that waited for days may bring a day that has no partition yet. */
async function withPartitions<T>(pool: pg.Pool, call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if ((error as { code?: string }).code !== NO_PARTITION) throw error;
    await ensurePartitions(pool, OLDEST_MESSAGE_DAYS);
    return call();
  }
}

/** SQS keeps a message for 14 days at the most. */
const OLDEST_MESSAGE_DAYS = 14;
