import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRateLimit } from './rate-limit.ts';

test('as many as the limit at once, then one for each share of a second', () => {
  let time = 0;
  const limit = createRateLimit(4, () => time);
  expect(Array.from({ length: 4 }, () => limit.take('a').remaining)).toEqual([3, 2, 1, 0]);
  expect(limit.take('a')).toEqual({ allowed: false, remaining: 0, retryAfterSeconds: 1, resetSeconds: 1 });
  time = 250;
  expect(limit.take('a')).toMatchObject({ allowed: true, remaining: 0 });
  expect(limit.take('a').allowed).toBe(false);
  time = 1_250;
  expect(limit.take('a')).toEqual({ allowed: true, remaining: 3, retryAfterSeconds: 0, resetSeconds: 1 });
});

test('keys do not share', () => {
  const limit = createRateLimit(1, () => 0);
  expect(['a', 'a', 'b'].map((key) => limit.take(key).allowed)).toEqual([true, false, true]);
});

test('never more than twice the limit in any second, and never fewer than the limit to who keeps to it', () => {
  const waits = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 50 }), waits, (perSecond, steps) => {
      let time = 0;
      const limit = createRateLimit(perSecond, () => time);
      const allowedAt: number[] = [];
      for (const step of steps) {
        time += step;
        if (limit.take('a').allowed) allowedAt.push(time);
        else expect(allowedAt.filter((at) => at > time - 1_000).length).toBeGreaterThan(0);
      }
      for (const start of allowedAt) {
        const within = allowedAt.filter((at) => at >= start && at < start + 1_000).length;
        expect(within).toBeLessThanOrEqual(2 * perSecond);
      }
    }),
  );
  let time = 0;
  const limit = createRateLimit(7, () => time);
  for (let n = 0; n < 100; n++, time += 1_000 / 7) expect(limit.take('steady').allowed).toBe(true);
});
