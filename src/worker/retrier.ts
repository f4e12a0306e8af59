import { createRetrier, type Retrier } from '../pipeline/retrier.ts';
import { createRetry } from '../pipeline/retry.ts';
import type { WorkerContext } from './context.ts';
import type { Delivering } from './delivering.ts';
import { slotsFor } from './slots.ts';

/** Attempts what is due. */
export async function startRetrier(worker: WorkerContext, { store, ...shared }: Delivering): Promise<Retrier> {
  const { config, log, watch } = worker;
  const retry = createRetry({
    ...shared,
    slots: slotsFor('retry', worker),
    claim: (limits) => store.claim({ ...limits, defaultTimeoutMs: config.deliveryTimeoutMs }),
    record: watch.recordLater(store.recordLater),
    cancel: store.cancel,
    putBack: store.putBack,
    scheduled: (delayMs) => retrier.wake(delayMs),
    onError: (error, during) => log.error({ err: error, during }, 'retry.failed'),
  });
  const retrier = createRetrier({ retry, onError: (error) => log.warn({ err: error }, 'claim.failed') });
  await worker.lifecycle.start({ name: 'retrier', ...retrier });
  return retrier;
}
