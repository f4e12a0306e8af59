import { signingKey } from '../domain/signature.ts';
import {
  createSubscriptionCache,
  type DeliverableSubscription,
  type SubscriptionCache,
} from '../pipeline/subscription-cache.ts';
import { createCipher } from '../store/cipher.ts';
import type { HotStore } from '../store/hot-store.ts';
import { createLoadSubscriptions, type LoadedSubscription } from '../store/subscriptions.ts';
import { untilStored } from '../store/transient.ts';
import type { WorkerContext } from './context.ts';

/** Partners' subscriptions in memory, with the keys that sign for them. */
export function createSubscriptions(worker: WorkerContext, store: HotStore): SubscriptionCache {
  const { encryptionKeys, log, stopping, onRetry } = worker;
  const read = createLoadSubscriptions(store.pool, createCipher(encryptionKeys));
  const patience = { signal: stopping.signal, onRetry };
  async function load(partnerId: string) {
    const loaded = await read(partnerId, (call) => untilStored(call, patience));
    if (!loaded) return null;
    const unreadable = loaded.subscriptions.filter(({ readable }) => !readable).map(({ id }) => id);
    if (unreadable.length > 0) log.error({ partnerId, subscriptionIds: unreadable }, 'subscriptions.undecryptable');
    return { version: loaded.version, subscriptions: loaded.subscriptions.map(withKeys) };
  }
  return createSubscriptionCache({ load });
}

const withKeys = ({ secrets, ...subscription }: LoadedSubscription): DeliverableSubscription => ({
  ...subscription,
  keys: secrets.map(({ algorithm, bytes, expiresAt }) => ({ key: signingKey(algorithm, bytes), expiresAt })),
});
