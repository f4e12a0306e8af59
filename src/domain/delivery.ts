import { type AttemptResult, isGone, type Trigger } from './attempt.ts';
import { nextDelayMs, type RetrySchedule } from './retry-schedule.ts';

/**
 * The life of a delivery:
 *
 * ```
 *                 ┌────────── attempt failed, schedule goes on ─────────┐
 *                 ▼                                                     │
 *   (first) ──▶ pending ── attempt succeeded ──▶ succeeded ──┐          │
 *                 │  ▲                                       │          │
 *                 │  ├── attempt failed, schedule ended ──▶ exhausted   │
 *                 │  │                                       │          │
 *                 │  └───────────── redelivery ──────────────┤          │
 *                 │                                          │          │
 *                 └── cancel ──▶ canceled ───────────────────┘          │
 *                 └─────────────────────────────────────────────────────┘
 * ```
 *
 * `pending` always has a next attempt time: a retry's, or the end of a worker's lease.
 */
export type DeliveryState = 'pending' | 'succeeded' | 'exhausted' | 'canceled';

/** What can happen to a delivery. */
export type DeliveryChange = 'succeed' | 'retry' | 'exhaust' | 'cancel' | 'redeliver';

/** The one transition table; what is not in it cannot happen. */
export const TRANSITIONS: Readonly<Record<DeliveryState, Partial<Record<DeliveryChange, DeliveryState>>>> = {
  pending: { succeed: 'succeeded', retry: 'pending', exhaust: 'exhausted', cancel: 'canceled', redeliver: 'pending' },
  succeeded: { redeliver: 'pending' },
  exhausted: { redeliver: 'pending' },
  canceled: { redeliver: 'pending' },
};

/** Where a change takes a delivery, or null when it cannot happen in that state. */
export const transition = (state: DeliveryState, change: DeliveryChange): DeliveryState | null =>
  TRANSITIONS[state][change] ?? null;

/** How far a pending delivery has come. */
export interface Progress {
  /** Attempts made so far, of whatever trigger. */
  readonly attemptCount: number;
  /** Waits of the retry schedule that are used up since the delivery (last) became pending. */
  readonly retriesUsed: number;
  readonly trigger: Trigger;
  /** A person asked for an attempt in between: the time the schedule had set, and will keep. */
  readonly resumeAt: Date | null;
}

/** What an attempt makes of its delivery. */
export interface Verdict {
  readonly state: DeliveryState;
  readonly retriesUsed: number;
  /** Milliseconds until the next attempt; null when there is none, or when `resumeAt` rules. */
  readonly nextDelayMs: number | null;
  readonly resumeAt: Date | null;
}

/** A delivery that nobody has attempted yet. */
export const NOT_ATTEMPTED: Progress = { attemptCount: 0, retriesUsed: 0, trigger: 'automatic', resumeAt: null };

/** The verdict on a delivery that is put off before its first attempt: due at once, for whoever has room for it. */
export const PARKED: Verdict = { state: 'pending', retriesUsed: 0, nextDelayMs: 0, resumeAt: null };

/**
 * An ordered delivery waits this long, in milliseconds, before it may be sent: an event accepted before it can still be in another
 * worker's hands. SNS and SQS promise no order; in practice messages of one moment arrive within a fraction of this.
 */
export const ORDER_WINDOW_MS = 1_000;

/** The verdict on an ordered delivery before its first attempt: it takes its place in the line. */
export const IN_LINE: Verdict = { ...PARKED, nextDelayMs: ORDER_WINDOW_MS };

/**
 * Judges an attempt. One that our own stop has cut short is not held against the delivery: it is due at once, for another worker,
 * and its schedule is where it was.
 *
 * @param random a number in [0, 1), for the jitter
 */
export function judge(result: AttemptResult, progress: Progress, schedule: RetrySchedule, random: number): Verdict {
  const { retriesUsed, resumeAt } = progress;
  if (result.cutShort) return { ...PARKED, retriesUsed };
  if (result.outcome === 'succeeded') return { state: 'succeeded', retriesUsed, nextDelayMs: null, resumeAt: null };
  if (isGone(result)) return { state: 'exhausted', retriesUsed, nextDelayMs: null, resumeAt: null };
  if (resumeAt) return { state: 'pending', retriesUsed, nextDelayMs: null, resumeAt };
  const delay = nextDelayMs(schedule, retriesUsed, result, random);
  if (delay === null) return { state: 'exhausted', retriesUsed, nextDelayMs: null, resumeAt: null };
  return { state: 'pending', retriesUsed: retriesUsed + 1, nextDelayMs: delay, resumeAt: null };
}
