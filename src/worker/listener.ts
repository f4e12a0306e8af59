import type { Retrier } from '../pipeline/retrier.ts';
import { toHealth } from '../store/hot-health.ts';
import { type Change, createListener } from '../store/listener.ts';
import type { WorkerContext } from './context.ts';
import type { Delivering } from './delivering.ts';

/** Hears what other processes have changed. */
export async function startListener(
  worker: WorkerContext,
  { store, subscriptions, health }: Delivering,
  retrier: Retrier,
): Promise<void> {
  const { databaseUrl, log, telemetry, stopping } = worker;
  function onChange(change: Change): void {
    if (change.changed === 'health') {
      health.set(change.subscriptionId, change.health && toHealth(change.health));
      if (!health.isOpen(change.subscriptionId)) retrier.wake(0); // what was passed by may go now
    } else if ('partnerId' in change) subscriptions.drop(change.partnerId);
  }
  const heard = telemetry.listener('worker', {
    // Versions make a missed notification of a subscription harmless; what is in trouble is read anew, for as long as it takes.
    onListening: () =>
      store.loadHealth().then(health.replace, (error) => {
        if (!stopping.signal.aborted) log.error({ err: error }, 'health.not_loaded');
      }),
    onError: (error) => log.warn({ err: error }, 'listener.lost'),
  });
  const listener = createListener({ url: databaseUrl, onChange, ...heard });
  await worker.lifecycle.start({ name: 'listener', ...listener });
}
