import { setTimeout as delay } from 'node:timers/promises';

export interface RedriverOptions {
  /** Takes what is due; answers how many letters that were. */
  due(): Promise<number>;
  onError(error: unknown): void;
}

/** Works off bulk redrives, in the background. */
export interface Redriver {
  start(): void;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
  /** A redrive was asked for. */
  wake(): void;
}

/** Between two goes while there is work. What a go may take is capped for all processes together. */
const BUSY_MS = 1_000;

/** Another process may have died with a redrive half done. */
const IDLE_MS = 5_000;

export function createRedriver({ due, onError }: RedriverOptions): Redriver {
  let running: Promise<void> | undefined;
  let stopping = false;
  let interrupt = new AbortController();

  async function run(): Promise<void> {
    while (!stopping) {
      const { signal } = interrupt;
      const taken = await due().catch((error) => {
        onError(error);
        return 0;
      });
      await delay(taken > 0 ? BUSY_MS : IDLE_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  const wake = () => {
    interrupt.abort();
    interrupt = new AbortController();
  };

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
