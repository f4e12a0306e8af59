import type { Announcer } from '../pipeline/announcer.ts';
import type { Attempt } from '../pipeline/attempt.ts';
import type { HealthKeeper } from '../pipeline/health.ts';
import type { SubscriptionCache } from '../pipeline/subscription-cache.ts';
import type { HotStore } from '../store/hot-store.ts';

/** What both ways of a delivery need: its first attempt by dispatch, and its later ones by the retrier. */
export interface Delivering {
  readonly store: HotStore;
  readonly subscriptions: SubscriptionCache;
  readonly attempt: Attempt;
  readonly health: HealthKeeper;
  readonly announcer: Announcer;
}
