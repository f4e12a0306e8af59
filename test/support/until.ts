import { setTimeout as delay } from 'node:timers/promises';

/** Asks again, every 25 ms, until the answer will do; fails with the last one after `withinMs`. */
export async function until<T>(ask: () => Promise<T> | T, good: (answer: T) => boolean, withinMs = 30_000): Promise<T> {
  const deadline = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (good(answer)) return answer;
    if (Date.now() > deadline) throw new Error(`still ${JSON.stringify(answer)} after ${withinMs} ms`);
    await delay(25);
  }
}
