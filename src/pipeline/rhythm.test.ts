import { once } from 'node:events';
import { expect, it } from 'vitest';
import { createRhythm } from './rhythm.ts';

const FOREVER_MS = 2 ** 31 - 1;

/** Counts its turns, and tells of each. */
function createTurns(restMs: number) {
  const turns = new EventTarget();
  let count = 0;
  const rhythm = createRhythm(async () => {
    count++;
    turns.dispatchEvent(new Event(`turn ${count}`));
    return count < 3 ? restMs : FOREVER_MS;
  });
  return { rhythm, turn: (nth: number) => once(turns, `turn ${nth}`), count: () => count };
}

it('goes on without a rest where there is more to do', async () => {
  const { rhythm, turn } = createTurns(0);
  const third = turn(3);
  rhythm.start();
  await third;
  await rhythm.stop();
});

it('is woken out of its rest, also by who asks before the rest has begun', async () => {
  const { rhythm, turn } = createTurns(FOREVER_MS);
  const [second, third] = [turn(2), turn(3)];
  rhythm.start();
  rhythm.wake(); // the first turn is under way
  await second;
  rhythm.wake();
  await third;
  await rhythm.stop();
});

it('stops out of its rest, twice, and takes no further turn', async () => {
  const { rhythm, turn, count } = createTurns(FOREVER_MS);
  const first = turn(1);
  rhythm.start();
  await first;
  await Promise.all([rhythm.stop(), rhythm.stop()]);
  expect(count()).toBe(1);
});
