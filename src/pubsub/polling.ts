import { setTimeout as delay } from 'node:timers/promises';
import type { ReceivedMessage } from './transport.ts';

/** What the poll loop needs from its consumer. */
export interface PollingOptions {
  /** One long poll. */
  receive: (signal: AbortSignal) => Promise<ReceivedMessage[]>;
  /** Takes what a poll brought, also after `stop`. Must not throw. */
  onBatch: (messages: ReceivedMessage[]) => void;
  onError: (error: unknown) => void;
  /** Messages that may still be taken in; a poll is started for `batchSize` of them. */
  room: () => number;
  batchSize: number;
  minPolls: number;
  maxPolls: number;
}

/** Keeps as many long polls under way as the traffic is worth. */
export interface Polling {
  /** Starts polls that are missing; call it when room was made. Does nothing before `start` and after `stop`. */
  pump(): void;
  start(): void;
  /** Starts no more polls. Resolves when those under way have ended. */
  stop(): Promise<void>;
  /** Ends the polls under way at once: a last resort, it may hide a message until its visibility ends. */
  abort(): void;
  /** Polls under way. */
  readonly polls: number;
}

const BACKOFF_MIN_MS = 100;
const BACKOFF_MAX_MS = 5_000;

/** Pause after the n-th failure in a row, in milliseconds: 100, 200 … 5,000, of which a random 50–100 %. */
export function backoffMs(failures: number, random: () => number = Math.random): number {
  const full = Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 10));
  return full * (0.5 + random() / 2);
}

/**
 * One more poll after each full batch, one fewer after any other: under load up to `maxPolls`, idle `minPolls`. A failed
 * poll pauses, keeps its place meanwhile, and goes on for ever.
 */
export function createPolling(options: PollingOptions): Polling {
  const { receive, onBatch, onError, room, batchSize, minPolls, maxPolls } = options;
  const stopping = new AbortController();
  const aborting = new AbortController();
  let running = false;
  let target = minPolls;
  let places = 0;
  let polls = 0;
  let failures = 0;
  let ended: (() => void) | undefined;

  function pump(): void {
    while (running && places < target && room() >= (polls + 1) * batchSize) {
      places++;
      void poll();
    }
  }

  async function poll(): Promise<void> {
    polls++;
    try {
      const messages = await receive(aborting.signal);
      failures = 0;
      target = messages.length >= batchSize ? Math.min(target + 1, maxPolls) : Math.max(target - 1, minPolls);
      polls--;
      onBatch(messages);
    } catch (error) {
      polls--;
      await pause(error);
    }
    places--;
    pump();
    if (places === 0) ended?.();
  }

  async function pause(error: unknown): Promise<void> {
    if (aborting.signal.aborted) return;
    failures++;
    target = minPolls;
    onError(error);
    await delay(backoffMs(failures), undefined, { signal: stopping.signal }).catch(() => {});
  }

  return {
    pump,
    start() {
      running = !stopping.signal.aborted;
      pump();
    },
    stop() {
      running = false;
      stopping.abort();
      return new Promise((resolve) => {
        ended = resolve;
        if (places === 0) resolve();
      });
    },
    abort: () => aborting.abort(),
    get polls() {
      return polls;
    },
  };
}
