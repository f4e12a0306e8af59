import { createBatcher } from '../pubsub/index.ts';
import { readBacklog } from '../store/backlog.ts';
import { createHotStore, type HotStore } from '../store/hot-store.ts';
import type { WorkerContext } from './context.ts';

/** Postgres, as the hot path needs it. */
export async function startStore(worker: WorkerContext): Promise<HotStore> {
  const { databaseUrl, log, telemetry, watch, stopping, onRetry } = worker;
  const hotStore = createHotStore({
    url: databaseUrl,
    batch: watch.batch(createBatcher),
    signal: stopping.signal,
    onRetry,
    onOrphans: (deliveryIds) => log.error({ deliveryIds }, 'deliveries.orphaned'),
  });
  await worker.lifecycle.start({ name: 'hot-store', stop: () => hotStore.close() });
  const store = watch.store(hotStore);
  for (const [name, pool] of Object.entries(store.pools)) telemetry.pool(name, pool);
  watch.backlog(() => readBacklog(store.pool));
  return store;
}
