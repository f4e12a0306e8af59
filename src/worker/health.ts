import type { Announcer } from '../pipeline/announcer.ts';
import { createHealth, type HealthKeeper, type HealthPorts } from '../pipeline/health.ts';
import type { HotStore } from '../store/hot-store.ts';
import type { WorkerContext } from './context.ts';

/** The breakers, and who disables what has failed for too long. */
export function createHealthKeeper(worker: WorkerContext, store: HotStore, announcer: Announcer): HealthKeeper {
  const { config, log } = worker;
  const disable: HealthPorts['disable'] = async (subscription, reason, failingSince) => {
    const isDisabled = await store.disable(subscription, reason, failingSince);
    const { id, partnerId } = subscription;
    if (isDisabled) log.warn({ subscriptionId: id, partnerId, reason }, 'subscription.disabled');
    return isDisabled;
  };
  const rules = { opensAfter: config.breakerAfter, disableAfterMs: config.disableAfterMs };
  return createHealth({ changeHealth: store.changeHealth, disable, announcer, rules });
}
