import type { Feed, FeedPlace } from '../store/feed.ts';
import { HttpProblem } from './problem.ts';

/** Requests that wait in this process. They share a look; what they cost otherwise is a socket and some memory. */
export const MOST_WAITING = 100;

/** Of those, one partner's: so many are no other partner's loss. */
export const MOST_OF_A_PARTNER = 25;

/** The feeds of all who wait are looked at this often, by one statement. */
const LOOK_EVERY_MS = 200;

/** On a busy database, or with many who wait, a look takes longer: looks take a fifth of the time at the most … */
const REST_FOR_EACH_MS = 4;

/** … but nobody waits longer than this for the next. */
const LONGEST_REST_MS = 1_000;

/** The requests that wait for events, in one process. */
export interface FeedWaiting {
  /**
   * Takes a place among them; give it back by the function returned.
   *
   * @throws {HttpProblem} 429 `too_many_waiting` when the partner has its share, 503 `overloaded` when nobody else may wait
   */
  enter(partnerId: string): () => void;
  /** True once a look has found that reading on is worth it; false when it found nothing. */
  nextLook(place: FeedPlace): Promise<boolean>;
}

interface Waiter {
  readonly place: FeedPlace;
  resolve(hasNews: boolean): void;
  reject(error: unknown): void;
}

/** Looks at the feeds of all who wait together, and bounds how many they are. */
export function createFeedWaiting({ haveNews }: Pick<Feed, 'haveNews'>): FeedWaiting {
  const ofPartner = new Map<string, number>();
  let inside = 0;
  let waiters: Waiter[] = [];
  let restMs = LOOK_EVERY_MS;

  function count(partnerId: string, change: 1 | -1): void {
    inside += change;
    const theirs = (ofPartner.get(partnerId) ?? 0) + change;
    if (theirs > 0) ofPartner.set(partnerId, theirs);
    else ofPartner.delete(partnerId);
  }

  async function look(): Promise<void> {
    const looking = waiters;
    waiters = [];
    const since = performance.now();
    try {
      const news = await haveNews(looking.map(({ place }) => place));
      for (const [at, { resolve }] of looking.entries()) resolve(news[at] === true);
    } catch (error) {
      for (const { reject } of looking) reject(error);
    }
    const tookMs = performance.now() - since;
    restMs = Math.min(LONGEST_REST_MS, Math.max(LOOK_EVERY_MS, tookMs * REST_FOR_EACH_MS));
  }

  return {
    enter(partnerId) {
      if ((ofPartner.get(partnerId) ?? 0) >= MOST_OF_A_PARTNER) throw tooMany(429, 'too_many_waiting');
      if (inside >= MOST_WAITING) throw tooMany(503, 'overloaded');
      count(partnerId, 1);
      return () => count(partnerId, -1);
    },
    nextLook: (place) =>
      new Promise((resolve, reject) => {
        if (waiters.push({ place, resolve, reject }) === 1) setTimeout(look, restMs);
      }),
  };
}

function tooMany(status: 429 | 503, code: string): HttpProblem {
  const whose = status === 429 ? `${MOST_OF_A_PARTNER} requests of this partner` : `${MOST_WAITING} requests`;
  const detail = `${whose} wait for events already, and there is none for this one: ask again without \`wait\`, or later`;
  return new HttpProblem(status, code, detail, { headers: { 'retry-after': '1' } });
}
