import type { Attempt } from '../pipeline/attempt.ts';
import type { DispatchMessage, DispatchPorts } from '../pipeline/dispatch.ts';
import type { RetryPorts } from '../pipeline/retry.ts';
import { measureAttempts } from './measured-attempts.ts';
import { type Handle, measureDispatch } from './measured-dispatch.ts';
import { measureMaintenance } from './measured-maintenance.ts';
import { watchQueues } from './measured-queues.ts';
import { type Backlog, type Batch, measureBatches, watchBacklog } from './measured-store.ts';
import type { Telemetry } from './telemetry.ts';
import { traceWorker } from './traced-worker.ts';

/** Measures, and where traces are wanted traces, the functions that a worker hands around. */
export function watchWorker({ metrics, tracing }: Telemetry, lanes: readonly string[]) {
  const dispatch = measureDispatch(metrics, lanes);
  const attempts = measureAttempts(metrics);
  const batches = measureBatches(metrics);
  const traced = tracing && traceWorker(tracing);
  const unpublished = metrics.counter({
    name: 'postrider_announcements_unpublished_total',
    help: 'Operational events left out because SNS did not take them.',
  });
  return {
    batch(batch: Batch): Batch {
      const counted = batches(batch);
      return traced?.batch(counted) ?? counted;
    },
    attempt(attempt: Attempt): Attempt {
      const counted = attempts.attempt(attempt);
      return traced?.attempt(counted) ?? counted;
    },
    /** What dispatch needs of the store, wherever it runs. */
    store: <T extends Pick<DispatchPorts, 'persist' | 'record'>>(store: T): T => ({
      ...store,
      persist: traced?.persist(store.persist) ?? store.persist,
      record: attempts.record(store.record),
    }),
    recordLater(record: RetryPorts['record']): RetryPorts['record'] {
      const counted = attempts.record(record);
      return traced?.recordLater(counted) ?? counted;
    },
    handle<M extends DispatchMessage & { readonly receivedAt: number }>(
      lane: string,
      handle: Handle<DispatchMessage>,
    ): Handle<M> {
      const counted = dispatch.handle<M>(lane, handle);
      return traced?.handle<M>(lane, counted) ?? counted;
    },
    ports: dispatch.ports,
    parked: dispatch.parked,
    deadLetter: dispatch.deadLetter,
    slots: attempts.slots,
    queues: watchQueues(metrics),
    maintenance: measureMaintenance(metrics),
    unpublished: () => unpublished.inc(),
    backlog: (read: () => Promise<Backlog>) => watchBacklog(metrics, read),
  };
}
