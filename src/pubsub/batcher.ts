/** Settings of a micro-batcher. */
export interface BatcherOptions<T, R> {
  /** Handles one batch; answers one result per item, in the same order. A rejection rejects every item of the batch. */
  flush: (items: T[]) => Promise<R[]>;
  /** Most items in one batch. */
  maxItems: number;
  /** Most bytes in one batch, as counted by `sizeOf`; a larger single item travels alone. Default: no limit. */
  maxBytes?: number;
  /** Size of one item in bytes. Default: 0, so that only `maxItems` counts. */
  sizeOf?: (item: T) => number;
  /** Most flushes under way at once. Default 2. */
  parallel?: number;
  /**
   * Least time between the starts of two flushes that are not full, in milliseconds. The first of a quiet time leaves at once;
   * on busy traffic nobody waits longer than this, and batches are larger. Default 0.
   */
  gapMs?: number;
  /** Most items accepted and not yet answered; `add` rejects with BatcherFullError beyond. Default: no limit. */
  maxPending?: number;
}

/** Gathers single items into batches without ever waiting for company. */
export interface Batcher<T, R> {
  /** Puts an item into the next batch; resolves with its own result. */
  add(item: T): Promise<R>;
  /** Resolves when nothing is waiting and nothing is under way. */
  idle(): Promise<void>;
  /** Items accepted and not yet answered. */
  readonly size: number;
}

/** `add` was refused: `maxPending` items are unanswered. */
export class BatcherFullError extends Error {
  readonly code = 'batcher_full';
}

interface Waiting<T, R> {
  item: T;
  bytes: number;
  resolve: (result: R) => void;
  reject: (reason: unknown) => void;
}

/** The head of the queue is cut off in strides of this many items: shifting an array per batch costs more. */
const COMPACT_AT = 1024;

/**
 * A micro-batcher with no linger. With nothing under way it flushes at the end of the event-loop turn (setImmediate, so
 * that all adds of one turn share a batch); while a flush is under way it gathers; a full batch leaves at once while fewer
 * than `parallel` flushes are under way; when a flush ends, whatever has gathered leaves at once. So idle traffic pays no
 * delay and busy traffic gets full batches.
 */
export function createBatcher<T, R>(options: BatcherOptions<T, R>): Batcher<T, R> {
  const { flush, maxItems, maxBytes = Number.POSITIVE_INFINITY, sizeOf, parallel = 2, gapMs = 0 } = options;
  const maxPending = options.maxPending ?? Number.POSITIVE_INFINITY;
  let queue: Waiting<T, R>[] = [];
  let head = 0;
  let waitingBytes = 0;
  let pending = 0;
  let flying = 0;
  let scheduled = false;
  let launchedAt = Number.NEGATIVE_INFINITY;
  let idlers: (() => void)[] = [];

  const waiting = () => queue.length - head;
  const full = () => waiting() >= maxItems || (waiting() > 0 && waitingBytes >= maxBytes);

  function add(item: T): Promise<R> {
    if (pending >= maxPending) return Promise.reject(new BatcherFullError(`${pending} items are unanswered`));
    pending++;
    return new Promise<R>((resolve, reject) => {
      const bytes = sizeOf === undefined ? 0 : sizeOf(item);
      queue.push({ item, bytes, resolve, reject });
      waitingBytes += bytes;
      if (full()) pump();
      else if (flying === 0) schedule();
    });
  }

  function schedule(): void {
    if (scheduled) return;
    scheduled = true;
    const waitMs = gapMs === 0 ? 0 : launchedAt + gapMs - performance.now();
    if (waitMs > 0) setTimeout(leave, waitMs);
    else setImmediate(leave);
  }

  function leave(): void {
    scheduled = false;
    if (flying === 0) launch();
    pump();
  }

  function pump(): void {
    while (flying < parallel && full()) launch();
  }

  function launch(): void {
    if (waiting() === 0) return;
    if (gapMs > 0) launchedAt = performance.now();
    flying++;
    void run(take());
  }

  function take(): Waiting<T, R>[] {
    let end = head;
    let bytes = 0;
    while (end < queue.length && end - head < maxItems) {
      const next = queue[end]!.bytes;
      if (end > head && bytes + next > maxBytes) break;
      bytes += next;
      end++;
    }
    const batch = queue.slice(head, end);
    head = end;
    waitingBytes -= bytes;
    if (head === queue.length || head >= COMPACT_AT) {
      queue = queue.slice(head);
      head = 0;
    }
    return batch;
  }

  async function run(batch: Waiting<T, R>[]): Promise<void> {
    try {
      const results = await flush(batch.map((entry) => entry.item));
      if (results.length !== batch.length) throw new Error(`flush answered ${results.length} of ${batch.length} items`);
      for (let i = 0; i < batch.length; i++) batch[i]!.resolve(results[i]!);
    } catch (error) {
      for (const entry of batch) entry.reject(error);
    }
    landed(batch.length);
  }

  function landed(items: number): void {
    flying--;
    pending -= items;
    if (gapMs === 0) launch();
    pump();
    if (waiting() > 0 && flying === 0) schedule();
    if (pending > 0) return;
    const resolve = idlers;
    idlers = [];
    for (const done of resolve) done();
  }

  return {
    add,
    idle: () => (pending === 0 ? Promise.resolve() : new Promise((resolve) => idlers.push(resolve))),
    get size() {
      return pending;
    },
  };
}
