import type { Outcome } from './attempt.ts';
import { addLatency, type Latency, mergeLatency } from './latency.ts';

/** In the order of the database's `attempt_outcome`: the record has their counts in this order. */
export const OUTCOMES = [
  'succeeded',
  'http_error',
  'timeout',
  'connection_failed',
  'dns_failed',
  'tls_failed',
  'blocked_address',
] as const satisfies readonly Outcome[];

/** What became of the attempts of some time. */
export interface Tally {
  /** A count for each of {@link OUTCOMES}. */
  readonly outcomes: number[];
  readonly latency: Latency;
}

export const emptyTally = (): Tally => ({ outcomes: OUTCOMES.map(() => 0), latency: new Map() });

/** Counts one attempt. */
export function count({ outcomes, latency }: Tally, outcome: Outcome, durationMs: number): void {
  const at = OUTCOMES.indexOf(outcome);
  outcomes[at] = (outcomes[at] as number) + 1;
  addLatency(latency, durationMs);
}

/** Adds the other's counts. */
export function addTally({ outcomes, latency }: Tally, other: Tally): void {
  for (const [at, more] of other.outcomes.entries()) outcomes[at] = (outcomes[at] as number) + more;
  mergeLatency(latency, other.latency);
}

/** The record has each attempt in its minute and in its hour. */
export type Resolution = 60 | 3_600;

/** How a window of time is divided. */
export interface WindowPlan {
  /** Of one bucket. */
  readonly seconds: number;
  readonly buckets: number;
  /** The record it is made of. */
  readonly resolution: Resolution;
}

/** What may be asked for: 60, 96, 168 or 120 buckets, the last of which is the one that now is in. */
export const WINDOWS = {
  '1h': { seconds: 60, buckets: 60, resolution: 60 },
  '24h': { seconds: 900, buckets: 96, resolution: 60 },
  '7d': { seconds: 3_600, buckets: 168, resolution: 3_600 },
  '30d': { seconds: 21_600, buckets: 120, resolution: 3_600 },
} as const satisfies Record<string, WindowPlan>;

export type Window = keyof typeof WINDOWS;

/** The record outlives the longest window that reads it by an hour or a day. */
export const KEPT_SECONDS: Readonly<Record<Resolution, number>> = { 60: 25 * 3_600, 3600: 31 * 86_400 };

/** When the buckets of a window begin, first to last. They are aligned: bounds do not move from call to call. */
export function bucketStarts(window: Window, now: Date): Date[] {
  const { seconds, buckets } = WINDOWS[window];
  const last = floorTo(now.getTime(), seconds);
  return Array.from({ length: buckets }, (_, at) => new Date(last - (buckets - 1 - at) * seconds * 1000));
}

/** The beginning of the bucket that a time is in, in milliseconds. */
export const floorTo = (ms: number, seconds: number): number => Math.floor(ms / (seconds * 1000)) * seconds * 1000;
