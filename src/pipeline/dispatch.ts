import { NOT_ATTEMPTED } from '../domain/delivery.ts';
import { decodeEnvelope, type Event, type NotAnEvent } from '../domain/event.ts';
import { deliveryId, publicId, timeOfId } from '../domain/ids.ts';
import { PARKING, type ParkReason } from '../domain/parking.ts';
import type { DeadLetter, EventRecord, EventRecorded, FeedRecord, FirstResult } from '../domain/record.ts';
import { type Match, matchSubscriptions } from '../domain/subscription.ts';
import { admit } from './admit.ts';
import type { Announcer } from './announcer.ts';
import type { Attempt } from './attempt.ts';
import type { HealthKeeper } from './health.ts';
import type { Slots } from './slots.ts';
import {
  type DeliverableSubscription,
  isSent,
  type PartnerSubscriptions,
  type SubscriptionCache,
} from './subscription-cache.ts';

/** What dispatch needs to know of a message. */
export interface DispatchMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sentAt: Date;
  readonly receiveCount: number;
  /** Deletes it: it is delivered, or on record. */
  ack(): Promise<void>;
  /** Puts it back into its queue, to be received again after so many seconds. */
  return(delaySeconds: number): Promise<void>;
}

/** What dispatch needs from outside. Those that write wait until it is written; they throw only when the process is stopping. */
export interface DispatchPorts {
  readonly subscriptions: Pick<SubscriptionCache, 'get' | 'atLeast'>;
  readonly slots: Pick<Slots, 'enter' | 'leave'>;
  readonly attempt: Attempt;
  readonly health: Pick<HealthKeeper, 'isOpen' | 'settled'>;
  readonly announcer: Pick<Announcer, 'delivery'>;
  persist(record: EventRecord): Promise<EventRecorded>;
  /** Whose event is on record under an id. */
  owner(eventId: string): Promise<string | null>;
  /** Overwrites fan-out and skipped of an event on record. */
  correct(record: EventRecord): Promise<void>;
  recorded(deliveryIds: readonly string[]): Promise<ReadonlySet<string>>;
  /** Milliseconds that another worker still has the event for itself; 0: it is ours now. */
  takeOver(eventId: string, leaseMs: number): Promise<number>;
  record(result: FirstResult): Promise<void>;
  /** A delivery is being put off before its first attempt. */
  parked(reason: ParkReason): void;
  /** Puts an event into a polled subscription's feed, once. */
  feed(record: FeedRecord): Promise<void>;
  deadLetter(letter: DeadLetter): Promise<void>;
  /** A delivery was put on record as pending, due in so many milliseconds. */
  scheduled(delayMs: number): void;
}

export interface DispatchSettings {
  readonly lane: string;
  readonly defaultTimeoutMs: number;
  readonly now?: () => number;
  /** Events in hand, by id: shared by the lanes of a worker. */
  readonly inHand?: Map<string, Promise<void>>;
}

/** A matched event on its way through. */
interface Dispatched {
  readonly event: Event;
  readonly match: Match<DeliverableSubscription>;
  readonly leaseMs: number;
}

/** An event's lease outlasts the longest time-out of its subscriptions by this: for waiting, connecting and recording. */
const LEASE_MARGIN_MS = 10_000;

/**
 * The way of a message in seven steps (docs/DESIGN.md §2): decode, match, persist, admit, send, record, ack. Each is cheap to
 * repeat: whatever a crash interrupts, the message comes back, and what is on record already is not sent again.
 */
export function createDispatch(ports: DispatchPorts, settings: DispatchSettings) {
  /** SQS can deliver a message twice, and its twin waits for the first to be through. */
  const { now = Date.now, inHand = new Map<string, Promise<void>>() } = settings;

  return async function dispatch(message: DispatchMessage): Promise<void> {
    const decoded = decodeEnvelope(message.body, message, new Date(now())); // 1 decode
    if (!decoded.ok) return bury(message, decoded);
    const { event } = decoded;
    while (inHand.has(event.id)) await inHand.get(event.id);
    const work = dispatchEvent(message, event).finally(() => inHand.delete(event.id));
    inHand.set(
      event.id,
      work.catch(() => undefined),
    );
    return work;
  };

  async function dispatchEvent(message: DispatchMessage, event: Event): Promise<void> {
    const partner = await ports.subscriptions.get(event.partnerId);
    if (!partner) return bury(message, unknownPartner(event));
    const guess = matchEvent(message, event, partner); // 2 match
    const { fresh, version } = await ports.persist(toRecord(guess)); // 3 persist
    if (version === null) return bury(message, unknownPartner(event));
    const dispatched = version === partner.version ? guess : await matchAgain(message, event, version);
    if (!dispatched) return bury(message, unknownPartner(event));
    if (fresh && dispatched !== guess) await ports.correct(toRecord(dispatched));
    const todo = fresh ? dispatched.match.wanted : await unfinished(message, dispatched);
    if (todo === 'elsewhere') return;
    await Promise.all(todo.map((subscription) => deliver(dispatched, subscription))); // 4 to 6
    await message.ack(); // 7 ack
  }

  function matchEvent(message: DispatchMessage, event: Event, { subscriptions }: PartnerSubscriptions): Dispatched {
    const match = matchSubscriptions(event, subscriptions, acceptedAt(message, event));
    const timeouts = match.wanted.map(({ timeoutMs }) => timeoutMs ?? settings.defaultTimeoutMs);
    return { event, match, leaseMs: Math.max(0, ...timeouts) + LEASE_MARGIN_MS };
  }

  /** What was matched with a stale cache is matched again with this version, before anything is sent. */
  async function matchAgain(message: DispatchMessage, event: Event, version: bigint): Promise<Dispatched | null> {
    const partner = await ports.subscriptions.atLeast(event.partnerId, version);
    return partner && matchEvent(message, event, partner);
  }

  /** An event that was on record before: what is left of it, or 'elsewhere' when this message is dealt with. */
  async function unfinished(message: DispatchMessage, dispatched: Dispatched) {
    const { event, match, leaseMs } = dispatched;
    const owner = await ports.owner(event.id);
    if (owner !== null && owner !== event.partnerId) {
      await bury(message, reusedId(event));
      return 'elsewhere';
    }
    let recorded = await recordedOf(dispatched);
    const missing = () => match.wanted.filter(({ id }) => !recorded.has(id));
    if (missing().length > 0) {
      const leftMs = await ports.takeOver(event.id, leaseMs);
      if (leftMs > 0) {
        await message.return(Math.ceil(leftMs / 1000));
        return 'elsewhere';
      }
      recorded = await recordedOf(dispatched); // the other worker may have recorded while its lease ran out
    }
    // Its record may be another worker's guess, or tell of subscriptions as they were; what has a delivery was not passed by.
    const skipped = match.skipped.filter(({ subscriptionId }) => !recorded.has(subscriptionId));
    const fanOut = recorded.size + missing().length;
    if (recorded.size === 0 || skipped.length > 0) await ports.correct({ ...toRecord(dispatched), fanOut, skipped });
    return missing();
  }

  /** The subscriptions, wanted or skipped, that have a delivery of the event on record. */
  async function recordedOf({ event, match: { wanted, skipped } }: Dispatched): Promise<ReadonlySet<string>> {
    const ids = [...wanted.map(({ id }) => id), ...skipped.map(({ subscriptionId }) => subscriptionId)];
    if (ids.length === 0) return new Set();
    const recorded = await ports.recorded(ids.map((id) => deliveryId(event.id, id)));
    return new Set(ids.filter((id) => recorded.has(deliveryId(event.id, id))));
  }

  async function deliver(dispatched: Dispatched, subscription: DeliverableSubscription): Promise<void> {
    const { event } = dispatched;
    const id = deliveryId(event.id, subscription.id);
    const delivery = { deliveryId: id, subscriptionId: subscription.id, event, eventRecord: toRecord(dispatched) };
    if (!isSent(subscription)) return ports.feed(delivery);
    const reason = await admit(ports, subscription); // 4 admit
    if (reason) return park(delivery, reason);
    const since = performance.now();
    const toAttempt = { deliveryId: id, subscription, event, progress: NOT_ATTEMPTED };
    const attempted = await ports
      .attempt(toAttempt) // 5 send
      .finally(() => ports.slots.leave(subscription.id, performance.now() - since));
    if (attempted.result.cutShort === 'unsent') return park(delivery, 'stopping');
    await ports.announcer.delivery(toAttempt, attempted);
    await ports.record({ ...delivery, ...attempted }); // 6 record
    if (attempted.verdict.nextDelayMs !== null) ports.scheduled(attempted.verdict.nextDelayMs);
    await ports.health.settled(toAttempt, attempted);
  }

  /** On record without an attempt: whoever claims it makes the first. */
  async function park(delivery: Omit<FirstResult, 'result' | 'verdict'>, reason: ParkReason): Promise<void> {
    const { verdict, claimInMs } = PARKING[reason];
    ports.parked(reason);
    await ports.record({ ...delivery, result: null, verdict });
    if (claimInMs !== null) ports.scheduled(claimInMs);
  }

  /** What is no event goes on record as a dead letter, with its reason, instead of coming back for ever. */
  async function bury(message: DispatchMessage, { reason, detail, partnerId }: NotAnEvent): Promise<void> {
    const { id: messageId, sentAt, body, attributes, receiveCount } = message;
    const letter = {
      messageId,
      sentAt,
      lane: settings.lane,
      reason,
      detail,
      partnerId,
      body,
      attributes,
      receiveCount,
    };
    await ports.deadLetter(letter);
    await message.ack();
  }
}

const toRecord = ({ event, match, leaseMs }: Dispatched): EventRecord => ({
  event,
  fanOut: match.wanted.length,
  skipped: match.skipped,
  unmatched: match.unmatched,
  leaseMs,
});

const unknownPartner = ({ partnerId }: Event): NotAnEvent => ({
  reason: 'unknown_partner',
  detail: `there is no partner ${partnerId}`,
  partnerId,
});

const reusedId = ({ id, partnerId }: Event): NotAnEvent => ({
  reason: 'id_reused',
  detail: `the id ${publicId('evt', id)} belongs to an event of another partner: every event needs an id of its own`,
  partnerId,
});

/** When it was accepted at the latest: an id can be much older than its message (an outbox, a repeated request). */
const acceptedAt = ({ sentAt }: DispatchMessage, { id }: Event): Date => {
  const named = timeOfId(id);
  return named > sentAt ? named : sentAt;
};
