import type { Lifecycle } from './lifecycle.ts';
import { type RoleOptions, runRole, settled } from './role.ts';
import { migrateWhenUp } from './store/migrate-when-up.ts';
import { version } from './version.ts';
import { startAnnouncer } from './worker/announcer.ts';
import { startConsumers } from './worker/consumers.ts';
import { createContext } from './worker/context.ts';
import { createDispatchPorts } from './worker/dispatch-ports.ts';
import { createHealthKeeper } from './worker/health.ts';
import { startHousekeeping } from './worker/housekeeping.ts';
import { startListener } from './worker/listener.ts';
import { startProbes } from './worker/probes.ts';
import { startRecoverer } from './worker/recoverer.ts';
import { startRetrier } from './worker/retrier.ts';
import { startSender } from './worker/sender.ts';
import { startStatistics } from './worker/statistics.ts';
import { startStore } from './worker/store.ts';
import { createSubscriptions } from './worker/subscriptions.ts';

/** Starts a worker's parts: what it opens first is closed last. */
export async function startWorker(lifecycle: Lifecycle, options: RoleOptions): Promise<void> {
  const worker = createContext(lifecycle, options);
  const store = await startStore(worker);
  const probes = await startProbes(worker, store);
  await migrateWhenUp(options.databaseUrl, options.log); // alive meanwhile, and not ready
  await startHousekeeping(worker, store);
  const statistics = await startStatistics(worker, store);

  const subscriptions = createSubscriptions(worker, store);
  const announcer = await startAnnouncer(worker, subscriptions);
  const health = createHealthKeeper(worker, store, announcer);
  const sender = await startSender(worker);
  const delivering = { store, subscriptions, attempt: sender.attempt, health, announcer };

  const retrier = await startRetrier(worker, delivering);
  const recoverer = await startRecoverer(worker, delivering, retrier);
  const ports = createDispatchPorts(worker, delivering, retrier);
  await startListener(worker, delivering, retrier);
  await startConsumers(worker, ports, { sender, others: [retrier, recoverer, statistics] });
  // The last to start is the first to stop: whoever routes work or restarts processes hears of the stop before it begins.
  await lifecycle.start({ name: 'readiness', start: () => probes.turn(true), stop: () => probes.turn(false) });
}

/** A worker as a process of its own, by the environment. */
export async function runWorker(): Promise<void> {
  await runRole('worker', async (lifecycle, own) => {
    const options = settled(own);
    await startWorker(lifecycle, options);
    options.log.info({ version }, 'worker.started');
    process.send?.({ started: true });
  });
}

if (import.meta.main) await runWorker();
