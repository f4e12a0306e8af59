import type { Event } from '../domain/event.ts';
import { deliveryId } from '../domain/ids.ts';
import {
  type MissedState,
  type RecoveryStep,
  type RunningRecovery,
  type ScannedDelivery,
  type ScannedEvent,
  TEST_EVENT_TYPE,
  takeWanted,
} from '../domain/recovery.ts';
import { wantsEvent } from '../domain/subscription.ts';
import { type DeliverableSubscription, isSent, type SubscriptionCache } from './subscription-cache.ts';

/** A recovery's rows, read and changed in the transaction of one step. */
export interface RecoveryRows {
  /** How many deliveries of the subscription are due now or within a minute; counts up to the limit. */
  dueSoon(limit: number): Promise<number>;
  /** The range's next deliveries after the position, in the order of their ids. */
  deliveries(limit: number): Promise<readonly ScannedDelivery[]>;
  /** Makes them pending, those that are in one of the states still. Gives how many were. */
  redeliver(deliveryIds: readonly string[], states: readonly MissedState[]): Promise<number>;
  /** The range's next events of the partner after the position. */
  events(limit: number): Promise<readonly ScannedEvent[]>;
  /** Puts events into a polled subscription's feed. Gives how many were not in it. */
  feed(deliveries: readonly { readonly id: string; readonly event: Event }[]): Promise<number>;
  /** Makes new pending deliveries. Gives how many were not on record yet. */
  deliver(deliveries: readonly { readonly id: string; readonly event: Event }[]): Promise<number>;
}

export interface RecoverPorts {
  /**
   * Takes a recovery whose next step is due and that no other worker has in hand, and keeps what the step did and how far it
   * came in one transaction. Null when there is none.
   */
  inStep(step: (recovery: RunningRecovery, rows: RecoveryRows) => Promise<RecoveryStep>): Promise<RecoveryStep | null>;
  readonly subscriptions: Pick<SubscriptionCache, 'atLeast'>;
  /** Deliveries are due. */
  scheduled(delayMs: number): void;
}

/** A step makes at most so many deliveries pending: one statement of some 20 ms. */
const STEP_ROWS = 500;

/** A recovery adds nothing while so many of its subscription's deliveries are due: it never floods, and never overtakes. */
const MOST_DUE = 1_000;

export interface RecoverLimits {
  readonly stepRows?: number;
  readonly mostDue?: number;
}

/** Deliveries looked at in one step: most may be of other states. */
const DELIVERIES_PAGE = 2_000;

/** Events come with their data, up to 256 KiB each. */
const EVENTS_PAGE = 200;

const FULL_PAUSE_MS = 200;
const IN_HAND_PAUSE_MS = 1_000;

const FULL: RecoveryStep = {
  state: 'running',
  nextSource: null,
  position: null,
  scanned: 0,
  redelivered: 0,
  pauseMs: FULL_PAUSE_MS,
};

/**
 * Takes one step of one recovery. A step that dies takes its changes with it, since its position is written in the same
 * transaction: the next worker goes on where the last whole step ended.
 *
 * @returns what the step came to, or null when no recovery is due
 */
export function createRecover(ports: RecoverPorts, limits: RecoverLimits = {}): () => Promise<RecoveryStep | null> {
  const { stepRows = STEP_ROWS, mostDue = MOST_DUE } = limits;
  return async () => {
    const step = await ports.inStep(takeStep);
    if (step && step.redelivered > 0) ports.scheduled(0);
    return step;
  };

  async function takeStep(recovery: RunningRecovery, rows: RecoveryRows): Promise<RecoveryStep> {
    const subscription = await subscriptionOf(recovery);
    if (!subscription) return { ...FULL, state: 'canceled', pauseMs: 0 };
    const room = Math.min(stepRows, mostDue - (await rows.dueSoon(mostDue)));
    if (room <= 0) return FULL;
    return recovery.source === 'deliveries'
      ? redeliver(recovery, rows, room)
      : deliverSkipped(subscription, rows, room);
  }

  async function subscriptionOf({ partnerId, subscriptionId, version }: RunningRecovery) {
    if (version === null) return undefined;
    const partner = await ports.subscriptions.atLeast(partnerId, version);
    return partner?.subscriptions.find(({ id }) => id === subscriptionId);
  }
}

async function redeliver({ states }: RunningRecovery, rows: RecoveryRows, room: number): Promise<RecoveryStep> {
  const page = await rows.deliveries(DELIVERIES_PAGE);
  const missed = ({ state, eventType }: ScannedDelivery) =>
    state !== 'pending' && states.includes(state) && eventType !== TEST_EVENT_TYPE;
  const done = takeWanted(page, room, missed);
  const ids = done.taken.map(({ id }) => id);
  const redelivered = ids.length === 0 ? 0 : await rows.redeliver(ids, states);
  const isEnd = page.length < DELIVERIES_PAGE && done.rows.length === page.length;
  const nextSource = isEnd && states.includes('skipped') ? 'events' : null;
  return {
    state: isEnd && !nextSource ? 'succeeded' : 'running',
    nextSource,
    position: done.rows.at(-1)?.id ?? null,
    scanned: done.rows.length,
    redelivered,
    pauseMs: 0,
  };
}

/**
 * Events that the subscription wants as it is now, and that are no delivery of it. One that a worker is dispatching is waited
 * for: its delivery may be under way, and is on record only after its first attempt.
 */
async function deliverSkipped(subscription: DeliverableSubscription, rows: RecoveryRows, room: number) {
  const page = await rows.events(EVENTS_PAGE);
  const inHand = page.findIndex((each) => each.inHand);
  const settled = inHand < 0 ? page : page.slice(0, inHand);
  const done = takeWanted(settled, room, ({ event }) => wants(subscription, event));
  const deliveries = done.taken.map(({ event }) => ({ id: deliveryId(event.id, subscription.id), event }));
  const put = isSent(subscription) ? rows.deliver : rows.feed;
  const redelivered = deliveries.length === 0 ? 0 : await put(deliveries);
  const isEnd = page.length < EVENTS_PAGE && done.rows.length === page.length;
  const isStuck = inHand >= 0 && done.rows.length === settled.length;
  return {
    state: isEnd ? 'succeeded' : 'running',
    nextSource: null,
    position: done.rows.at(-1)?.event.id ?? null,
    scanned: done.rows.length,
    redelivered,
    pauseMs: isStuck ? IN_HAND_PAUSE_MS : 0,
  } satisfies RecoveryStep;
}

const wants = (subscription: DeliverableSubscription, event: Event): boolean =>
  event.type !== TEST_EVENT_TYPE && wantsEvent(subscription, event);
