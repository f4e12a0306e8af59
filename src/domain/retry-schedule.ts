import type { AttemptResult } from './attempt.ts';

/** When to try again after each failed attempt. */
export interface RetrySchedule {
  /** The n-th entry is the wait after the n-th failure, in milliseconds. */
  readonly delaysMs: readonly number[];
  /** Each wait is spread by ± this share of it (0.1 = ±10 %), so that failures of one moment do not return as one flood. */
  readonly jitter: number;
}

/** `Retry-After` may lengthen a wait to this at the most: a receiver cannot park its deliveries for ever. */
export const MAX_RETRY_AFTER_MS = 24 * 3_600_000;

/**
 * How long to wait after a failed attempt, or null when the schedule is at its end.
 *
 * @param retriesUsed how many waits of the schedule are behind this delivery
 * @param random a number in [0, 1)
 */
export function nextDelayMs(
  schedule: RetrySchedule,
  retriesUsed: number,
  result: AttemptResult,
  random: number,
): number | null {
  const delay = schedule.delaysMs[retriesUsed];
  if (delay === undefined) return null;
  const jittered = delay * (1 + schedule.jitter * (2 * random - 1));
  return Math.round(Math.max(jittered, retryAfterMs(result) ?? 0));
}

/** What the answer's `Retry-After` asks for (RFC 9110 §10.2.3: seconds or an HTTP date), bounded, or null. */
export function retryAfterMs(result: AttemptResult): number | null {
  const value = result.response?.headers['retry-after']?.trim();
  if (!value || result.outcome === 'succeeded') return null;
  const ms = /^\d+$/.test(value) ? Number(value) * 1000 : httpDateMs(value, result.startedAt);
  return Number.isNaN(ms) ? null : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}

/** Dates are compared with the answer's own `Date` where it has no other clock to trust: here the attempt's start. */
const httpDateMs = (value: string, startedAt: Date): number =>
  /^[A-Z][a-z]{2}, /.test(value) ? Date.parse(value) - startedAt.getTime() : Number.NaN;
