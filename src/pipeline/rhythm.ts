import { setTimeout as delay } from 'node:timers/promises';

/** Something that is done again and again, a turn at a time. */
export interface Rhythm {
  start(): void;
  /** Takes no further turn; resolves when the one under way has ended. */
  stop(): Promise<void>;
  /** Ends the rest, or has the turn under way followed by the next at once. */
  wake(): void;
}

/** @param turn answers for how many milliseconds to rest after it; must not reject */
export function createRhythm(turn: () => Promise<number>): Rhythm {
  let running: Promise<void> | undefined;
  let stopping = false;
  let interrupt = new AbortController();

  async function run(): Promise<void> {
    while (!stopping) {
      const { signal } = interrupt;
      const restMs = await turn();
      if (restMs > 0) await delay(restMs, undefined, { signal }).catch(() => undefined);
    }
  }

  function wake(): void {
    interrupt.abort();
    interrupt = new AbortController();
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping = true;
      wake();
      await running;
    },
    wake,
  };
}
