export interface StatsKeeperOptions {
  /** Counts some of what is not counted yet; answers 0 when nothing is left, or another process is at it. */
  rollUp(): Promise<number>;
  /** Drops what is too old to be read. */
  prune(): Promise<void>;
  onError(error: unknown): void;
}

/** How far behind the numbers may be. */
const EVERY_MS = 5_000;

/**
 * It rests 19 times as long as it took: many quiet subscriptions cost more to count, and can wait longer. A minute at the most,
 * or what is left to count could grow from pass to pass.
 */
const REST_SHARE = 19;
const LONGEST_REST_MS = 60_000;

const PRUNE_EVERY_MS = 3_600_000;

/** Keeps the statistics: counts what the workers have recorded, every few seconds; what fails is done the next time. */
export function createStatsKeeper({ rollUp, prune, onError }: StatsKeeperOptions) {
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> = Promise.resolve();
  let stopped = false;
  let prunedAt = Number.NEGATIVE_INFINITY;

  async function keep(): Promise<void> {
    const since = performance.now();
    try {
      while (!stopped && (await rollUp()) > 0);
      if (!stopped && since - prunedAt >= PRUNE_EVERY_MS) {
        await prune();
        prunedAt = since;
      }
    } catch (error) {
      onError(error);
    }
    const rest = (performance.now() - since) * REST_SHARE;
    schedule(Math.min(LONGEST_REST_MS, Math.max(EVERY_MS, rest)));
  }

  function schedule(delayMs: number): void {
    if (stopped) return;
    timer = setTimeout(() => {
      running = keep();
    }, delayMs);
  }

  return {
    start: () => schedule(EVERY_MS),
    /** Resolves when nothing is under way any more. */
    stop: async (): Promise<void> => {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
