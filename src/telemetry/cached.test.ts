import { expect, it } from 'vitest';
import { createCached } from './cached.ts';

it('asks once in 14 s, however many ask; what fails is null until the next time', async () => {
  let now = 0;
  let asked = 0;
  const cached = createCached(
    async () => {
      if (++asked === 2) throw new Error('away');
      return asked;
    },
    () => now,
  );
  expect(await Promise.all([cached(), cached(), cached()])).toEqual([1, 1, 1]);
  now = 13_999;
  expect(await cached()).toBe(1);
  now = 14_000;
  expect(await cached()).toBeNull();
  now = 28_000;
  expect(await cached()).toBe(3);
});
