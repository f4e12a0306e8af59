import { createMaintain, type MaintenanceRun } from '../pipeline/maintain.ts';
import { createMaintainer } from '../pipeline/maintainer.ts';
import type { HotStore } from '../store/hot-store.ts';
import { createMaintenance } from '../store/maintenance.ts';
import { ensurePartitions } from '../store/partitions.ts';
import type { WorkerContext } from './context.ts';

/** Partitions exist before the first event, whoever is elected; from then on the maintainer sees to it. */
export async function startHousekeeping(worker: WorkerContext, store: HotStore): Promise<void> {
  const { config, databaseUrl, log, watch } = worker;
  let isStopping = false;
  const onError = (error: unknown, during: string) =>
    isStopping ? undefined : log.warn({ err: error, during }, 'maintenance.failed');
  const maintenance = createMaintenance({
    url: databaseUrl,
    onError: (error) => ports.onError(error, 'connection'),
  });
  const ports = watch.maintenance({
    ...maintenance,
    makePartitions: () => ensurePartitions(store.pool),
    onRun: (run: MaintenanceRun) => log.info(run, 'maintenance.finished'),
    onError,
  });
  const maintainer = createMaintainer(createMaintain(ports, { retentionMs: config.retentionMs }));
  await worker.lifecycle.start({
    name: 'maintenance',
    start: async () => {
      await store.ensurePartitions();
      maintainer.start();
    },
    stop: async () => {
      isStopping = true;
      await maintenance.close(); // what is under way fails, and is taken up by the next maintainer
      await maintainer.stop();
    },
  });
}
