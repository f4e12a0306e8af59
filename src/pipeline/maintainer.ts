import { setTimeout as delay } from 'node:timers/promises';

export interface Maintainer {
  start(): void;
  /** Resolves when nothing is under way. */
  stop(): Promise<void>;
}

/** Who stands by notices this late that the maintainer has died. */
const LOOK_EVERY_MS = 10_000;

/** Keeps maintaining, for as long as the process lives. */
export function createMaintainer(maintain: () => Promise<boolean>, lookEveryMs = LOOK_EVERY_MS): Maintainer {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await maintain();
      await delay(lookEveryMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }

  return {
    start() {
      running ??= run();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
