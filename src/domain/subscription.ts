import type { Event } from './event.ts';
import type { Filter } from './filter.ts';
import { timeOfId, uuidFloor } from './ids.ts';
import { isOperational } from './operational.ts';

/** How a secret signs: HMAC-SHA256 (`v1`) or Ed25519 (`v1a`). */
export type SecretAlgorithm = 'hmac-sha256' | 'ed25519';

/** A partner's wish to receive, as the workers keep it. */
export interface Subscription {
  readonly id: string;
  readonly partnerId: string;
  /** Null: its events are polled, and never sent. */
  readonly url: string | null;
  /** `*`, an event type, or a prefix pattern such as `order.*`. */
  readonly eventTypes: readonly string[];
  readonly enabled: boolean;
  /** One delivery at a time, in the order of acceptance; the head of the line is retried before the next is sent. */
  readonly ordered: boolean;
  /** Which events of its types it wants; null: all. */
  readonly filter: Filter | null;
  /** Requests per second, over all workers; null: no limit. */
  readonly rateLimit: number | null;
  /** The subscription's own headers, sent with every attempt. */
  readonly headers: Readonly<Record<string, string>>;
  /** Whole-exchange timeout; null means the service's DELIVERY_TIMEOUT. */
  readonly timeoutMs: number | null;
}

/** Why a subscription was passed by. Kept on the event. `created_later`: it did not exist when the event was accepted. */
export const SKIP_REASONS = ['disabled', 'filtered', 'created_later'] as const;
export type SkipReason = (typeof SKIP_REASONS)[number];

export interface Skipped {
  readonly subscriptionId: string;
  readonly reason: SkipReason;
}

/** Why an event concerned nobody: its partner had no subscription at all, or none whose types cover its type. */
export const UNMATCHED_REASONS = ['no_subscriptions', 'none_for_its_type'] as const;
export type UnmatchedReason = (typeof UNMATCHED_REASONS)[number];

/** What an event is for, and whom it passes by. */
export interface Match<S extends Subscription> {
  readonly wanted: readonly S[];
  readonly skipped: readonly Skipped[];
  /** Null unless both are empty. */
  readonly unmatched: UnmatchedReason | null;
}

/** What a pattern in `eventTypes` looks like: `*`, `order.created`, `order.*`. */
export const EVENT_TYPE_PATTERN = /^(?=.{1,128}$)(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/;

/**
 * Does the pattern cover the type? `order.*` covers `order.created` and `order.item.added`, not `order`. `*` covers all that
 * producers publish: Postrider's own events are for those who ask for them (`delivery.exhausted`, `subscription.*`).
 */
export function coversType(pattern: string, type: string): boolean {
  if (pattern === '*') return !isOperational(type);
  if (pattern === type) return true;
  return pattern.endsWith('.*') && type.startsWith(pattern.slice(0, -1));
}

/** Clocks of API hosts may differ by this: a subscription that much younger than an event was not there for it. */
const CLOCK_SKEW_MS = 60_000;

/**
 * Decides for each of a partner's subscriptions whether it gets the event. The event's data is parsed only where a filter
 * has to see it.
 *
 * @param acceptedAt when it was accepted at the latest, where that is not what its id says
 */
export function matchSubscriptions<S extends Subscription>(
  event: Event,
  subscriptions: readonly S[],
  acceptedAt: Date = timeOfId(event.id),
): Match<S> {
  const wanted: S[] = [];
  const skipped: Skipped[] = [];
  const youngest = uuidFloor(new Date(acceptedAt.getTime() + CLOCK_SKEW_MS));
  let body: unknown;
  for (const each of subscriptions) {
    if (!concerns(each, event)) continue;
    const reason = reasonToSkip(each);
    if (reason) skipped.push({ subscriptionId: each.id, reason });
    else wanted.push(each);
  }
  const nobody = wanted.length === 0 && skipped.length === 0;
  return { wanted, skipped, unmatched: nobody ? unmatchedReason(subscriptions) : null };

  function reasonToSkip({ id, enabled, filter }: Subscription): SkipReason | null {
    if (id > youngest) return 'created_later';
    if (!enabled) return 'disabled';
    if (!filter) return null;
    body ??= bodyOf(event);
    return filter.matches(body) ? null : 'filtered';
  }
}

/** Does the subscription, enabled or not, want an event, whenever that was accepted? */
export const wantsEvent = (subscription: Subscription, event: Event): boolean =>
  concerns(subscription, event) && (!subscription.filter || subscription.filter.matches(bodyOf(event)));

const concerns = ({ eventTypes }: Subscription, { type }: Event): boolean =>
  eventTypes.some((pattern) => coversType(pattern, type));

const unmatchedReason = (subscriptions: readonly Subscription[]): UnmatchedReason =>
  subscriptions.length === 0 ? 'no_subscriptions' : 'none_for_its_type';

/** The webhook's body as a filter sees it. */
export const bodyOf = ({ type, timestamp, data }: Pick<Event, 'type' | 'timestamp' | 'data'>) => ({
  type,
  timestamp,
  data: JSON.parse(data) as unknown,
});
