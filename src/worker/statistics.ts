import { createStatsKeeper } from '../pipeline/stats-keeper.ts';
import { pruneStats, rollUp } from '../store/hot-stats.ts';
import type { HotStore } from '../store/hot-store.ts';
import type { WorkerContext } from './context.ts';

/** Counts what workers have recorded. */
export async function startStatistics({ lifecycle, log }: WorkerContext, store: HotStore) {
  const statsKeeper = createStatsKeeper({
    rollUp: () => rollUp(store.pool, new Date()),
    prune: () => pruneStats(store.pool),
    onError: (error) => log.warn({ err: error }, 'stats.failed'),
  });
  await lifecycle.start({ name: 'stats-keeper', ...statsKeeper });
  return statsKeeper;
}
