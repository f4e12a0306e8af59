import type { AttemptResult } from './attempt.ts';
import type { DeadLetterReason } from './dead-letter.ts';
import type { Progress, Verdict } from './delivery.ts';
import type { Event } from './event.ts';
import type { Skipped, UnmatchedReason } from './subscription.ts';

/** An event as it goes on record. */
export interface EventRecord {
  readonly event: Event;
  /** How many deliveries it has. */
  readonly fanOut: number;
  readonly skipped: readonly Skipped[];
  /** Why it concerned nobody; null when it did. */
  readonly unmatched: UnmatchedReason | null;
  /** For so long, in milliseconds, its worker is alone with it. */
  readonly leaseMs: number;
  /** W3C Trace Context of its dispatch, kept for later attempts; only where traces are wanted. */
  readonly traceparent?: string;
}

/** What putting an event on record answers. */
export interface EventRecorded {
  /** False when the event was on record before. */
  readonly fresh: boolean;
  /** The partner's current subscriptions version; null when there is no such partner (any more). */
  readonly version: bigint | null;
}

/** A delivery after its first attempt, or parked before it (`result` null: due at once). */
export interface FirstResult {
  readonly deliveryId: string;
  readonly subscriptionId: string;
  readonly event: Event;
  /** What the event's own record says, should it have to be written again. */
  readonly eventRecord: EventRecord;
  readonly result: AttemptResult | null;
  readonly verdict: Verdict;
}

/** An event for a polled subscription, in place of a delivery. */
export interface FeedRecord {
  /** The id its delivery would have. */
  readonly deliveryId: string;
  readonly subscriptionId: string;
  /** As the persist step wrote it. */
  readonly eventRecord: EventRecord;
}

/** A later attempt of a delivery, to be recorded only if `progress.attemptCount` is still what the row says. */
export interface LaterResult {
  readonly deliveryId: string;
  readonly progress: Progress;
  readonly result: AttemptResult;
  readonly verdict: Verdict;
}

/** A due delivery that this worker has taken, under a lease. */
export interface ClaimedDelivery {
  readonly deliveryId: string;
  readonly subscriptionId: string;
  readonly event: Event;
  readonly progress: Progress;
  /** The subscription's breaker was open, and this is its one probe. */
  readonly probe: boolean;
  /** Its subscription has a rate limit: when its slot is, in milliseconds of this process' clock. */
  readonly sendAt: number | null;
  /** It was exhausted before somebody asked for it again. */
  readonly recovering: boolean;
  /** What the event's record has of its trace. */
  readonly traceparent: string | null;
  /** The partner's subscriptions version when it was claimed. */
  readonly version: bigint | null;
}

/** A message that never became an event. */
export interface DeadLetter {
  readonly messageId: string;
  readonly sentAt: Date;
  readonly lane: string;
  readonly reason: DeadLetterReason;
  readonly detail: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly partnerId: string | null;
  readonly receiveCount: number;
}
