import pRetry from 'p-retry';
import { createBatcher } from './batcher.ts';
import { MAX_BATCH_ENTRIES } from './message.ts';
import {
  type EntryFailure,
  type QueueTransport,
  type SettledEntry,
  TransportError,
  type VisibilityChange,
} from './transport.ts';

/** Deletes messages and changes their visibility, in batches of up to 10, retried until it works or is of no use. */
export interface Settler {
  /** Deletes. `ok: false` means lost: the message will come again. */
  remove(receipt: string): Promise<SettledEntry>;
  /** Sets when the message is visible again; retried like `remove`. */
  setVisibility(change: VisibilityChange): Promise<SettledEntry>;
  /** As `setVisibility`, tried once: for extensions, whose next round comes anyway. */
  trySetVisibility(change: VisibilityChange): Promise<SettledEntry>;
  /** Stops retrying: what fails from now on is lost. */
  giveUp(): void;
}

/**
 * A delete is retried this long, in milliseconds. Longer than the visibility of 30 s, because a late delete usually
 * still works (nobody received the message again), and a minute of trouble at SQS should not cost a second delivery.
 */
const RETRY_FOR_MS = 60_000;
const BACKOFF = {
  retries: Number.POSITIVE_INFINITY,
  minTimeout: 100,
  maxTimeout: 5_000,
  randomize: true,
  maxRetryTime: RETRY_FOR_MS,
};

/** Makes a settler for one queue. */
export function createSettler(transport: QueueTransport): Settler {
  const stopping = new AbortController();
  const removals = createBatcher<string, SettledEntry>({
    flush: (receipts) => orFailures(receipts.length, () => transport.deleteBatch(receipts)),
    maxItems: MAX_BATCH_ENTRIES,
    parallel: 8,
  });
  const changes = createBatcher<VisibilityChange, SettledEntry>({
    flush: (items) => orFailures(items.length, () => transport.changeVisibilityBatch(items)),
    maxItems: MAX_BATCH_ENTRIES,
    parallel: 8,
  });

  /** First try outside p-retry: it is the hot path, and nearly always enough. */
  async function persist(attempt: () => Promise<SettledEntry>): Promise<SettledEntry> {
    const first = await attempt();
    if (first.ok || first.kind !== 'retry' || stopping.signal.aborted) return first;
    return retry(attempt, first);
  }

  async function retry(attempt: () => Promise<SettledEntry>, first: SettledEntry): Promise<SettledEntry> {
    let last = first;
    const again = async (number: number) => {
      if (number > 1) last = await attempt();
      if (!last.ok && last.kind === 'retry') throw new TransportError('retry', 'Unsettled', last.detail);
    };
    try {
      await pRetry(again, { ...BACKOFF, signal: stopping.signal });
    } catch (error) {
      if (!(error instanceof TransportError) && !stopping.signal.aborted) throw error;
    }
    return last;
  }

  return {
    remove: (receipt) => persist(() => removals.add(receipt)),
    setVisibility: (change) => persist(() => changes.add(change)),
    trySetVisibility: (change) => changes.add(change),
    giveUp: () => stopping.abort(),
  };
}

async function orFailures(count: number, call: () => Promise<SettledEntry[]>): Promise<SettledEntry[]> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    const failure: EntryFailure = { ok: false, kind: 'retry', detail: error.message };
    return new Array<SettledEntry>(count).fill(failure);
  }
}
