import { setTimeout as delay } from 'node:timers/promises';
import { createLeases, type Leases, type Message } from './leases.ts';
import { MAX_BATCH_ENTRIES } from './message.ts';
import { createPolling } from './polling.ts';
import { createSettler } from './settler.ts';
import type { QueueTransport, ReceivedMessage } from './transport.ts';

/** Where an error came up: receiving, in the handler (a bug there), or in settling or extending one message. */
export interface ErrorContext {
  during: 'receive' | 'handler' | 'settle';
  /** The message it is about, where it is about one. */
  message?: Message;
}

/** Settings of a consumer. */
export interface ConsumerOptions {
  transport: QueueTransport;
  /**
   * Called with the 1–10 messages of each receive, without waiting for earlier calls to end. Settles them by and by with
   * `ack` or `return`. If it throws or rejects, that is reported as a bug, and what it has not settled is handed back
   * with a delay of `visibilitySeconds`.
   */
  handler: (messages: Message[]) => void | Promise<void>;
  /** Told of everything that goes wrong; the consumer goes on by itself. Must not throw. */
  onError: (error: Error, context: ErrorContext) => void;
  /** Messages received and not yet settled, at most. Default 512. */
  maxInFlight?: number;
  /** Long polls under way while full batches keep coming, at most. Default 8. */
  maxPollers?: number;
  /** Long polls under way when idle. Default 1. */
  minPollers?: number;
  /** Length of a long poll, 1–20 s. Default 20. A stop on an idle queue waits for its end: shorter stops sooner. */
  waitSeconds?: number;
  /** How long a received message stays hidden from others, in whole seconds. Default 30. */
  visibilitySeconds?: number;
  /** A message unsettled this long is hidden for another `visibilitySeconds`, again and again. In seconds, default 15. */
  extendAfterSeconds?: number;
}

/** Receives from one queue and keeps the messages hidden until they are settled. */
export interface Consumer {
  /** Begins to receive. A second call changes nothing; once stopped, it stays stopped. */
  start(): void;
  /**
   * Receives no more, waits for the messages in flight to be settled and for the polls under way to end, then hands back
   * what is unsettled and resolves, all within `graceMs` (default 25,000). A second call changes nothing and resolves with
   * the first. The transport stays open.
   */
  stop(options?: { graceMs?: number }): Promise<void>;
  /** Messages received and not yet settled. */
  readonly inFlight: number;
  /** Long polls under way. */
  readonly polls: number;
}

/** Time at the end of a stop for the last deletes and hand-backs to reach the queue: a quarter of it, 3 s at most. */
const flushMs = (graceMs: number): number => Math.min(3_000, graceMs / 4);

/** Makes a consumer; it does nothing before `start()`. */
export function createConsumer(options: ConsumerOptions): Consumer {
  const { transport, onError, waitSeconds = 20, visibilitySeconds = 30, maxInFlight = 512 } = options;
  const batchSize = Math.min(MAX_BATCH_ENTRIES, maxInFlight);
  const settler = createSettler(transport);
  let stopped: Promise<void> | undefined;

  const leases: Leases = createLeases({
    settler,
    visibilitySeconds,
    extendAfterSeconds: options.extendAfterSeconds ?? 15,
    onError: (error, message) => onError(error, { during: 'settle', message }),
    onSettled: () => polling.pump(),
  });

  const polling = createPolling({
    receive: (signal) => transport.receive({ maxMessages: batchSize, waitSeconds, visibilitySeconds, signal }),
    onBatch: take,
    onError: (error) => onError(toError(error), { during: 'receive' }),
    room: () => maxInFlight - leases.size,
    batchSize,
    minPolls: options.minPollers ?? 1,
    maxPolls: options.maxPollers ?? 8,
  });

  function take(received: ReceivedMessage[]): void {
    if (received.length === 0) return;
    const messages = received.map((one) => leases.admit(one));
    if (stopped === undefined) void handle(messages);
    else for (const message of messages) void message.return(0);
  }

  async function handle(messages: Message[]): Promise<void> {
    try {
      await options.handler(messages);
    } catch (error) {
      onError(toError(error), { during: 'handler' });
      for (const message of messages) void message.return(visibilitySeconds);
    }
  }

  async function shutDown(graceMs: number): Promise<void> {
    const settled = polling.stop().then(() => leases.empty());
    if (!(await within(settled, graceMs - flushMs(graceMs)))) {
      polling.abort();
      await within(Promise.all([settled, leases.returnAll()]), flushMs(graceMs));
      settler.giveUp();
    }
    leases.stop();
  }

  return {
    start() {
      if (stopped === undefined) polling.start();
    },
    stop({ graceMs = 25_000 } = {}) {
      stopped ??= shutDown(graceMs);
      return stopped;
    },
    get inFlight() {
      return leases.size;
    },
    get polls() {
      return polling.polls;
    },
  };
}

/** Whether the work ended in time. */
async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const inTime = await Promise.race([work.then(() => true), late]);
  timer.abort();
  return inTime;
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
