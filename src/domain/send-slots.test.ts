import fc from 'fast-check';
import { expect, it } from 'vitest';
import { clockAhead, isMissed } from './send-slots.ts';

it('a slot is used within 40 ms or given up', () => {
  expect(isMissed(1000, 990)).toBe(false);
  expect(isMissed(1000, 1040)).toBe(false);
  expect(isMissed(1000, 1041)).toBe(true);
});

it('the clock’s offset is within every call’s bounds, and never further off than the quickest call was long', () => {
  const call = fc.record({ there: fc.integer({ min: 0, max: 500 }), back: fc.integer({ min: 0, max: 500 }) });
  fc.assert(
    fc.property(fc.integer({ min: -5000, max: 5000 }), fc.array(call, { minLength: 1 }), (ahead, calls) => {
      let known: number | null = null;
      for (const { there, back } of calls) {
        known = clockAhead(known, 10_000 + ahead, 10_000 + there + back + ahead, 10_000 + there);
        expect(known).toBeGreaterThanOrEqual(ahead - there);
        expect(known).toBeLessThanOrEqual(ahead + back);
      }
      const quickest = Math.min(...calls.map(({ there, back }) => there + back));
      expect(Math.abs((known as number) - ahead)).toBeLessThanOrEqual(quickest);
    }),
  );
});
