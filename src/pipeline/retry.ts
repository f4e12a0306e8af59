import { setTimeout as delay } from 'node:timers/promises';
import type { ClaimedDelivery, LaterResult } from '../domain/record.ts';
import { isMissed, SLOTS_REFILL_MS } from '../domain/send-slots.ts';
import type { Announcer } from './announcer.ts';
import type { Attempt } from './attempt.ts';
import type { HealthKeeper } from './health.ts';
import type { Slots } from './slots.ts';
import { isSent, type SubscriptionCache } from './subscription-cache.ts';

/** How many due deliveries a claim may bring, in all and per subscription, and where its round starts. */
export interface ClaimLimits {
  readonly limit: number;
  readonly perSubscription: number;
  /** Other limits for these subscriptions. */
  readonly free: ReadonlyMap<string, number>;
  readonly after: string;
}

/** What the retrier needs from outside. Those that write wait until it is written. */
export interface RetryPorts {
  claim(limits: ClaimLimits): Promise<{ readonly claimed: readonly ClaimedDelivery[]; readonly next: string }>;
  readonly subscriptions: Pick<SubscriptionCache, 'get' | 'atLeast'>;
  readonly slots: Pick<Slots, 'free' | 'occupy' | 'leave'>;
  readonly attempt: Attempt;
  readonly health: Pick<HealthKeeper, 'settled'>;
  readonly announcer: Pick<Announcer, 'delivery'>;
  /** False when the delivery had moved on without us: our lease had run out. */
  record(result: LaterResult): Promise<boolean>;
  /** Not attempted after all: due at once, for whoever has a slot. */
  putBack(deliveryId: string, attemptCount: number): Promise<void>;
  /** The delivery's subscription is gone. */
  cancel(deliveryId: string): Promise<void>;
  scheduled(delayMs: number): void;
  onError(error: unknown, during: 'claim' | 'retry'): void;
}

/** Claims of one go: enough to keep the slots busy, few enough that a claim takes some milliseconds. */
const CLAIM_LIMIT = 500;

/** The lowest UUID: where a round of claims begins. */
const FIRST_SUBSCRIPTION = '00000000-0000-0000-0000-000000000000';

/** Takes what is due and attempts it. Crash recovery is the same: a dead worker's lease is a due time like any other. */
export function createRetry(ports: RetryPorts) {
  const inFlight = new Set<Promise<void>>();
  /** Attempts that are under way or wait to be recorded, by delivery and number. */
  const inHand = new Set<string>();
  let after = FIRST_SUBSCRIPTION;
  /** The last claim passed by subscriptions that had no free slot: look again as soon as one has. */
  let starved = false;
  /** Claimed deliveries that wait for their slot of a rate limit, per subscription. They hold no slot of ours yet. */
  const waiting = new Map<string, number>();

  /**
   * Claims once and starts what it got.
   *
   * @returns how many deliveries were claimed, and whether there are subscriptions that this claim has not come to
   */
  async function claimOnce(): Promise<{ readonly claimed: number; readonly more: boolean }> {
    const { total, perSubscription, busy } = ports.slots.free();
    starved = total <= 0 || [...busy.values()].includes(0);
    if (total <= 0) return { claimed: 0, more: false };
    for (const [id, count] of waiting) {
      busy.set(id, Math.max(0, Math.min(busy.get(id) ?? perSubscription, perSubscription - count)));
    }
    // Half of what is free: shares are of what was free before the claim, and eight hanging receivers could take it all.
    const limits = { limit: Math.min(Math.ceil(total / 2), CLAIM_LIMIT), perSubscription, free: busy, after };
    const { claimed, next } = await ports.claim(limits);
    after = next;
    for (const delivery of claimed) {
      // Postgres was away for longer than the lease: the same attempt's result is in hand already, and waits to be recorded.
      if (!inHand.has(keyOf(delivery))) startInTime(delivery);
    }
    return { claimed: claimed.length, more: next !== FIRST_SUBSCRIPTION };
  }

  /** With a rate limit: at its slot's time, or not at all. */
  function startInTime(delivery: ClaimedDelivery): void {
    const { sendAt, subscriptionId, deliveryId, progress } = delivery;
    if (sendAt === null) {
      start(delivery);
      return;
    }
    waiting.set(subscriptionId, (waiting.get(subscriptionId) ?? 0) + 1);
    const work = delay(Math.max(0, sendAt - Date.now())).then(() => {
      const left = (waiting.get(subscriptionId) ?? 1) - 1;
      if (left > 0) waiting.set(subscriptionId, left);
      else waiting.delete(subscriptionId);
      if (!isMissed(sendAt, Date.now())) return start(delivery);
      return ports.putBack(deliveryId, progress.attemptCount).then(() => ports.scheduled(0));
    });
    track(work.catch((error) => ports.onError(error, 'retry')));
    ports.scheduled(SLOTS_REFILL_MS);
  }

  function track(work: Promise<void>): void {
    inFlight.add(work);
    void work.finally(() => inFlight.delete(work));
  }

  function start(delivery: ClaimedDelivery): void {
    const key = keyOf(delivery);
    inHand.add(key);
    ports.slots.occupy(delivery.subscriptionId);
    const since = performance.now();
    const work = retry(delivery)
      .catch((error) => ports.onError(error, 'retry'))
      .finally(() => {
        inHand.delete(key);
        ports.slots.leave(delivery.subscriptionId, performance.now() - since);
        if (starved) ports.scheduled(0);
      });
    track(work);
  }

  async function retry(delivery: ClaimedDelivery): Promise<void> {
    const { deliveryId, progress } = delivery;
    const subscription = await subscriptionOf(delivery);
    if (!subscription || !isSent(subscription)) return ports.cancel(deliveryId);
    if (!subscription.enabled) return; // disabled a moment ago: it waits, and is passed by until enabled again
    const toAttempt = { ...delivery, subscription };
    const attempted = await ports.attempt(toAttempt);
    const { result, verdict } = attempted;
    if (result.cutShort === 'unsent') return ports.putBack(deliveryId, progress.attemptCount); // our own stop came first
    await ports.announcer.delivery(toAttempt, attempted);
    await ports.record({ deliveryId, progress, result, verdict });
    if (verdict.nextDelayMs !== null) ports.scheduled(verdict.nextDelayMs);
    else if (subscription.ordered) ports.scheduled(0); // the next in line
    await ports.health.settled(toAttempt, attempted);
  }

  async function subscriptionOf({ event, subscriptionId, version }: ClaimedDelivery) {
    if (version === null) return undefined;
    const partner = await ports.subscriptions.atLeast(event.partnerId, version);
    return partner?.subscriptions.find(({ id }) => id === subscriptionId);
  }

  /** Resolves when nothing of this retrier is in flight. */
  async function idle(): Promise<void> {
    while (inFlight.size > 0) await Promise.all(inFlight);
  }

  return { claimOnce, idle };
}

const keyOf = ({ deliveryId, progress }: ClaimedDelivery): string => `${deliveryId} ${progress.attemptCount}`;

export type Retry = ReturnType<typeof createRetry>;
