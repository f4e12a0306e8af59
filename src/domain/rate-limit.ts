import { LRUCache } from 'lru-cache';

/** What became of one request against its key's limit. */
export interface Taken {
  readonly allowed: boolean;
  /** Requests that would be allowed right now. */
  readonly remaining: number;
  /** Whole seconds until a refused request would be allowed; 0 when this one was. */
  readonly retryAfterSeconds: number;
  /** Whole seconds until all of the limit is there again. */
  readonly resetSeconds: number;
}

export interface RateLimit {
  /** Requests in any one second, beyond which a caller waits: also what may come at once. */
  readonly perSecond: number;
  /** Counts a request of `key`. */
  take(key: string): Taken;
}

/** Callers remembered; who is forgotten starts with a full limit. */
const MAX_KEYS = 10_000;
const SECOND_MS = 1_000;

/**
 * Limits requests per key by the generic cell rate algorithm (GCRA): one number per key, the time at which its limit is whole
 * again. Each request moves it by 1/`perSecond`; one that would move it more than a second ahead of now is refused, and costs
 * nothing.
 *
 * @param now milliseconds; only differences count
 */
export function createRateLimit(perSecond: number, now: () => number): RateLimit {
  const wholeAt = new LRUCache<string, number>({ max: MAX_KEYS });
  const eachMs = SECOND_MS / perSecond;
  return {
    perSecond,
    take(key) {
      const at = now();
      const before = Math.max(wholeAt.get(key) ?? at, at);
      const waitMs = before + eachMs - SECOND_MS - at;
      const allowed = waitMs <= 1e-6; // sums of fractions: 3 × 333.3 may end a hair beyond 1,000
      const after = allowed ? before + eachMs : before;
      if (allowed) wholeAt.set(key, after);
      return {
        allowed,
        remaining: Math.max(0, Math.floor((SECOND_MS - (after - at)) / eachMs + 1e-6)),
        retryAfterSeconds: allowed ? 0 : Math.ceil(waitMs / SECOND_MS),
        resetSeconds: Math.ceil((after - at) / SECOND_MS),
      };
    },
  };
}
