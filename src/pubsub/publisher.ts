import pRetry from 'p-retry';
import { createBatcher } from './batcher.ts';
import { findFault, MAX_BATCH_ENTRIES, MAX_MESSAGE_BYTES, messageBytes, type OutgoingMessage } from './message.ts';
import { type EntryFailure, type PublishedEntry, type SendTransport, TransportError } from './transport.ts';

/**
 * What became of a message. `ok` means that the broker has acknowledged it. Otherwise: `too_large` and
 * `invalid_characters` never left this process; `rejected` was refused by the broker, or would be; `saturated` means
 * that too many messages are unanswered (try later); `unavailable` that the broker did not take it within the deadline.
 * After `unavailable` the message may have been published all the same: a lost answer looks like a lost request.
 */
export type PublishResult =
  | { ok: true; messageId: string }
  | {
      ok: false;
      reason: 'too_large' | 'invalid_characters' | 'saturated' | 'unavailable' | 'rejected';
      detail: string;
    };

/** Settings of a publisher. */
export interface PublisherOptions {
  transport: SendTransport;
  /** Batches under way at once. Default 8. */
  parallel?: number;
  /** Messages accepted and not yet answered; more are `saturated`. Default 10,000. */
  maxPending?: number;
  /** Bytes of those messages; more are `saturated`. Default 67,108,864 (64 MiB). */
  maxPendingBytes?: number;
  /** How long one message is retried, in milliseconds; an answer comes within it plus one request timeout. Default 10,000. */
  deadlineMs?: number;
}

/** Publishes messages in batches of up to 10 and 256 KiB, and answers each by itself. */
export interface Publisher {
  /** Never rejects for anything the broker or the network does: every outcome is a value. */
  publish(message: OutgoingMessage): Promise<PublishResult>;
  /** Takes no more messages, waits until the pending ones are answered, then closes the transport. May be called twice. */
  close(): Promise<void>;
  /** Messages accepted and not yet answered. */
  readonly pending: number;
}

interface Pending {
  message: OutgoingMessage;
  bytes: number;
  /** Epoch milliseconds after which it is given up. */
  deadline: number;
}

/** First pause 50–100 ms, doubling to 2–4 s: ten retries within the default deadline. */
const BACKOFF = { retries: Number.POSITIVE_INFINITY, minTimeout: 50, maxTimeout: 2_000, factor: 2, randomize: true };

/** Makes a publisher. It owns the transport from then on: `close()` closes it. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { transport, parallel = 8, maxPending = 10_000, deadlineMs = 10_000 } = options;
  const { maxPendingBytes = 67_108_864 } = options;
  const batcher = createBatcher<Pending, PublishedEntry>({
    flush: (items) => sendBatch(transport, items),
    maxItems: MAX_BATCH_ENTRIES,
    maxBytes: MAX_MESSAGE_BYTES,
    sizeOf: (item) => item.bytes,
    parallel,
  });
  let pending = 0;
  let pendingBytes = 0;
  let closing: Promise<void> | undefined;
  let drained: (() => void) | undefined;

  async function deliver(item: Pending): Promise<PublishResult> {
    pending++;
    pendingBytes += item.bytes;
    try {
      const first = await batcher.add(item);
      return toResult(first.ok || first.kind !== 'retry' ? first : await retry(item, first));
    } finally {
      pending--;
      pendingBytes -= item.bytes;
      if (pending === 0) drained?.();
    }
  }

  /** Each entry is retried by itself, so that the others of its batch have their answer; waiting entries share batches again. */
  async function retry(item: Pending, first: EntryFailure): Promise<PublishedEntry> {
    let last: PublishedEntry = first;
    const attempt = async (number: number) => {
      if (number > 1) last = await batcher.add(item);
      if (!last.ok && last.kind === 'retry') throw new TransportError('retry', 'Unavailable', last.detail);
    };
    try {
      await pRetry(attempt, { ...BACKOFF, maxRetryTime: Math.max(0, item.deadline - Date.now()) });
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
    }
    return last;
  }

  return {
    publish(message) {
      if (closing !== undefined) return refuse('unavailable', 'the publisher is closed');
      const bytes = messageBytes(message);
      const fault = findFault(message, bytes);
      if (fault !== undefined) return refuse(fault.reason, fault.detail);
      if (pending >= maxPending || pendingBytes >= maxPendingBytes)
        return refuse('saturated', `${pending} messages are unanswered`);
      return deliver({ message, bytes, deadline: Date.now() + deadlineMs });
    },
    close() {
      closing ??= new Promise<void>((resolve) => {
        drained = resolve;
        if (pending === 0) resolve();
      }).then(() => transport.close());
      return closing;
    },
    get pending() {
      return pending;
    },
  };
}

function refuse(reason: Exclude<PublishResult, { ok: true }>['reason'], detail: string): Promise<PublishResult> {
  return Promise.resolve({ ok: false, reason, detail });
}

function toResult(entry: PublishedEntry): PublishResult {
  if (entry.ok) return { ok: true, messageId: entry.id };
  return { ok: false, reason: entry.kind === 'retry' ? 'unavailable' : 'rejected', detail: entry.detail };
}

/** Answers every item; what waited behind a hanging broker until its deadline is not sent any more. */
async function sendBatch(transport: SendTransport, items: Pending[]): Promise<PublishedEntry[]> {
  const now = Date.now();
  const fresh = items.filter((item) => item.deadline > now);
  const answers = fresh.length === 0 ? [] : await sendFresh(transport, fresh);
  if (fresh.length === items.length) return answers;
  const late: EntryFailure = { ok: false, kind: 'retry', detail: 'the deadline passed before it could be sent' };
  let next = 0;
  return items.map((item) => (item.deadline > now ? answers[next++]! : late));
}

async function sendFresh(transport: SendTransport, items: Pending[]): Promise<PublishedEntry[]> {
  try {
    return await transport.publishBatch(items.map((item) => item.message));
  } catch (error) {
    if (!(error instanceof TransportError)) throw error;
    // A batch refused as a whole may hold one bad entry: sent one by one, only that one fails.
    if (error.kind === 'rejected' && items.length > 1) {
      return (await Promise.all(items.map((item) => sendFresh(transport, [item])))).flat();
    }
    return items.map(() => ({ ok: false, kind: error.kind, detail: error.message }));
  }
}
