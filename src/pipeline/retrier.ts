import { setTimeout as delay } from 'node:timers/promises';
import type { Retry } from './retry.ts';

export interface RetrierOptions {
  readonly retry: Pick<Retry, 'claimOnce' | 'idle'>;
  /** The longest time between two looks at what is due, in milliseconds. */
  readonly pollMs?: number;
  onError(error: unknown): void;
}

export interface Retrier {
  start(): void;
  /** Claims no more; resolves when what is in flight is recorded. */
  stop(): Promise<void>;
  /** Something will be due in so many milliseconds: look then, if that is before the next look. */
  wake(inMs: number): void;
}

/** Other workers' retries are found within this; one's own are waited for exactly. */
const POLL_MS = 500;

/** A claim that was worth it is followed by the next after this: other subscriptions' slots come free all the time. */
const BUSY_MS = 10;

/** The retrier's rhythm: looks at what is due when something is known to be, and every `pollMs` anyway. */
export function createRetrier({ retry, pollMs = POLL_MS, onError }: RetrierOptions): Retrier {
  let running: Promise<void> | undefined;
  let stopping = false;
  let dueAt = Number.POSITIVE_INFINITY;
  let interrupt = new AbortController();

  async function run(): Promise<void> {
    while (!stopping) {
      if (dueAt <= Date.now()) dueAt = Number.POSITIVE_INFINITY; // this look is the one it asked for
      await pause((await claim()) ? BUSY_MS : pollMs);
    }
    await retry.idle();
  }

  /** Is another look worth while? */
  async function claim(): Promise<boolean> {
    try {
      const { claimed, more } = await retry.claimOnce();
      return claimed > 0 || more;
    } catch (error) {
      onError(error); // Postgres is away: the next look is in pollMs
      return false;
    }
  }

  /** Waits, but no longer than until something is due. */
  async function pause(ms: number): Promise<void> {
    const deadline = Date.now() + ms;
    for (let left = ms; left > 0 && !stopping; left = Math.min(deadline, dueAt) - Date.now()) {
      interrupt = new AbortController();
      await delay(Math.max(1, Math.min(left, dueAt - Date.now())), undefined, { signal: interrupt.signal }).catch(
        () => {},
      );
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping = true;
      interrupt.abort();
      await running;
    },
    wake(inMs) {
      const at = Date.now() + Math.max(inMs, BUSY_MS);
      if (at >= dueAt) return;
      dueAt = at;
      interrupt.abort();
    },
  };
}
