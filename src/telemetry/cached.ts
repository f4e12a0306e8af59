/** Scrapes come every 15 s from each Prometheus: what costs a query or a call is asked no more often than that. */
const FRESH_MS = 14_000;

/**
 * Remembers an answer for a while, however many ask. Null while there is none: what could not be asked is left out of a scrape
 * rather than shown as it once was.
 */
export function createCached<T>(ask: () => Promise<T>, now: () => number = Date.now): () => Promise<T | null> {
  let askedAt = Number.NEGATIVE_INFINITY;
  let answer: Promise<T | null> = Promise.resolve(null);
  return () => {
    if (now() - askedAt < FRESH_MS) return answer;
    askedAt = now();
    answer = ask().catch(() => null);
    return answer;
  };
}
