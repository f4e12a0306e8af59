import type { DeliveryState } from './delivery.ts';
import type { Event } from './event.ts';

/** What a recovery brings back: deliveries in these states; `skipped`: events that were never a delivery. */
export type MissedState = Exclude<DeliveryState, 'pending'> | 'skipped';

export const MISSED_STATES: readonly MissedState[] = ['exhausted', 'canceled', 'succeeded', 'skipped'];

export type RecoveryState = 'running' | 'succeeded' | 'canceled';

/** A recovery reads the deliveries of its range first, then the events that never became one. */
export type RecoverySource = 'deliveries' | 'events';

/** The type of the events that test a subscription. Nobody missed them. */
export const TEST_EVENT_TYPE = 'postrider.test';

/** A recovery as its next step finds it. */
export interface RunningRecovery {
  readonly id: string;
  readonly partnerId: string;
  readonly subscriptionId: string;
  readonly states: readonly MissedState[];
  readonly source: RecoverySource;
  /** Null when the subscription or its partner was deleted. */
  readonly version: bigint | null;
}

export interface ScannedDelivery {
  readonly id: string;
  readonly state: DeliveryState;
  readonly eventType: string;
}

export interface ScannedEvent {
  readonly event: Event;
  /** A worker is dispatching it this moment. */
  readonly inHand: boolean;
}

/** What a step came to. */
export interface RecoveryStep {
  readonly state: RecoveryState;
  /** `events`: what comes next begins with the first event of the range. */
  readonly nextSource: RecoverySource | null;
  /** The last row dealt with; null: none. */
  readonly position: string | null;
  readonly scanned: number;
  readonly redelivered: number;
  /** Milliseconds until the next step. */
  readonly pauseMs: number;
}

const FAILED_TO_ARRIVE: readonly MissedState[] = ['exhausted', 'canceled', 'succeeded'];

/** What a recovery of these states reads first. */
export const firstSource = (states: readonly MissedState[]): RecoverySource =>
  states.some((state) => FAILED_TO_ARRIVE.includes(state)) ? 'deliveries' : 'events';

/** How far a page was dealt with. */
export interface Taken<T> {
  readonly rows: readonly T[];
  readonly taken: readonly T[];
}

/** The rows of a page up to the last one there is room for, and those of them that are wanted. */
export function takeWanted<T>(page: readonly T[], room: number, wants: (row: T) => boolean): Taken<T> {
  const taken: T[] = [];
  for (const [index, row] of page.entries()) {
    if (!wants(row)) continue;
    taken.push(row);
    if (taken.length === room) return { rows: page.slice(0, index + 1), taken };
  }
  return { rows: page, taken };
}
