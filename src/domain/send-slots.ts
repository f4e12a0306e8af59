/**
 * A subscription's `rateLimit`, exact across all workers: requests go at slots 1/rate apart (GCRA without a burst), which workers
 * take from one row in Postgres, some at a time. A slot is used at its time or not at all: requests that a worker sent late
 * would come on top of those of the next slots.
 */

/** Slots are taken this far ahead, and again when less than half of it is left: a few claims a second, whatever the rate. */
export const SLOTS_AHEAD_MS = 400;
export const SLOTS_REFILL_MS = 200;

/** A slot missed by more is given up. At 50 a second so late a worker makes it 52 in the worst second; the way to the receiver adds its own. */
const LATEST_MS = 40;

/** Is it too late to use a slot? */
export const isMissed = (sendAt: number, now: number): boolean => now - sendAt > LATEST_MS;

/**
 * How far a worker's clock is ahead of Postgres', in milliseconds, from the times before and after a call and the one that Postgres gave
 * in between. What is known already is moved no further than the new call demands, so that slow answers do not shift slots.
 */
export function clockAhead(known: number | null, before: number, after: number, theirs: number): number {
  const [least, most] = [before - theirs, after - theirs];
  return known === null ? (least + most) / 2 : Math.min(Math.max(known, least), most);
}
