import { LRUCache } from 'lru-cache';
import type { SigningKey } from '../domain/signature.ts';
import type { Subscription } from '../domain/subscription.ts';

/** A subscription with what it takes to sign for it. */
export interface DeliverableSubscription extends Subscription {
  /** False: what it takes to sign cannot be decrypted here. Nothing is sent without. */
  readonly readable: boolean;
  /** Every active secret's key; one with an `expiresAt` is being rotated out. */
  readonly keys: readonly { readonly key: SigningKey; readonly expiresAt: Date | null }[];
}

/** One whose events are sent. */
export type SentSubscription = DeliverableSubscription & { readonly url: string };

export const isSent = (subscription: DeliverableSubscription): subscription is SentSubscription =>
  subscription.url !== null;

/** A partner's subscriptions as of a version. */
export interface PartnerSubscriptions {
  readonly version: bigint;
  readonly subscriptions: readonly DeliverableSubscription[];
}

export interface SubscriptionCache {
  /** What is known of a partner, loaded when nothing is; null when there is no such partner. May be stale. */
  get(partnerId: string): PartnerSubscriptions | Promise<PartnerSubscriptions | null>;
  /** A partner's subscriptions, of this version or a later one. */
  atLeast(partnerId: string, version: bigint): Promise<PartnerSubscriptions | null>;
  drop(partnerId: string): void;
}

export interface SubscriptionCacheOptions {
  /** Reads a partner's subscriptions and their version in one snapshot; null when there is no such partner. */
  load(partnerId: string): Promise<PartnerSubscriptions | null>;
  /** Partners kept; the least recently used go first. */
  readonly max?: number;
}

/** Partners' subscriptions in memory. Dropping is for speed; the version, compared by who uses an entry, makes it right. */
export function createSubscriptionCache({ load, max = 10_000 }: SubscriptionCacheOptions): SubscriptionCache {
  const known = new LRUCache<string, PartnerSubscriptions>({ max });
  const loading = new Map<string, Promise<PartnerSubscriptions | null>>();

  async function read(partnerId: string): Promise<PartnerSubscriptions | null> {
    const loaded = await load(partnerId).finally(() => loading.delete(partnerId));
    const before = known.peek(partnerId);
    if (loaded && !(before && before.version > loaded.version)) known.set(partnerId, loaded);
    return loaded;
  }

  function get(partnerId: string) {
    const entry = known.get(partnerId);
    if (entry) return entry;
    // A load under way may have begun before the partner was there: its "none" is no answer to a question asked since.
    const shared = loading.get(partnerId);
    return shared ? shared.then((loaded) => loaded ?? begin(partnerId)) : begin(partnerId);
  }

  function begin(partnerId: string): Promise<PartnerSubscriptions | null> {
    const reading = loading.get(partnerId) ?? read(partnerId);
    loading.set(partnerId, reading);
    return reading;
  }

  async function atLeast(partnerId: string, version: bigint) {
    // A load under way may have begun before the change; one that begins now cannot be older than what we have seen.
    for (let look = 0; look < 3; look++) {
      const entry = await get(partnerId);
      if (!entry || entry.version >= version) return entry;
      if (known.peek(partnerId) === entry) known.delete(partnerId);
    }
    throw new Error(`the subscriptions of ${partnerId} are older than version ${version} however often they are read`);
  }

  return { get, atLeast, drop: (partnerId) => void known.delete(partnerId) };
}
