import { setTimeout as delay } from 'node:timers/promises';
import type { RecoveryStep } from '../domain/recovery.ts';

export interface RecovererOptions {
  recover(): Promise<RecoveryStep | null>;
  onError(error: unknown): void;
}

export interface Recoverer {
  start(): void;
  /** Takes no further step; resolves when the one under way has ended. */
  stop(): Promise<void>;
}

/** A new recovery is found within this, and one that waits for room or for an event goes on. */
const POLL_MS = 500;

/** The rhythm of recoveries: step after step while there is something to do, else a look every half second. */
export function createRecoverer({ recover, onError }: RecovererOptions): Recoverer {
  let running: Promise<void> | undefined;
  const stopping = new AbortController();

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      const step = await recover().catch(onError);
      if (!step) await delay(POLL_MS, undefined, { signal: stopping.signal }).catch(() => undefined);
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
