import { expect, it } from 'vitest';
import { createAgeEstimate } from './measured-queues.ts';

it('the oldest message is about as old as the longest wait of late; it ages while none comes out, and not once all are gone', () => {
  let now = 100_000;
  const age = createAgeEstimate(() => now);
  expect(age.estimate(true)).toBe(0);
  age.received(now - 500);
  age.received(now - 40_000);
  age.received(now - 2_000);
  now += 15_000;
  expect(age.estimate(false)).toBe(40);
  now += 15_000;
  expect(age.estimate(false), 'workers are stuck').toBe(55);
  age.received(now - 1_000);
  expect(age.estimate(false)).toBe(1);
  now += 15_000;
  expect(age.estimate(true)).toBe(0);
});
