import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bucketStarts, KEPT_SECONDS, WINDOWS, type Window } from './stats.ts';

const window = fc.constantFrom(...(Object.keys(WINDOWS) as Window[]));
const time = fc.date({ min: new Date('2020-01-01'), max: new Date('2100-01-01'), noInvalidDate: true });

test('the last bucket is the one that now is in, and they follow each other', () => {
  fc.assert(
    fc.property(window, time, (name, now) => {
      const { seconds, buckets } = WINDOWS[name];
      const starts = bucketStarts(name, now).map((start) => start.getTime());
      expect(starts).toHaveLength(buckets);
      const last = starts.at(-1) as number;
      expect(last <= now.getTime() && now.getTime() < last + seconds * 1000).toBe(true);
      for (const [at, start] of starts.entries()) expect(start).toBe(last - (buckets - 1 - at) * seconds * 1000);
    }),
  );
});

test('the record is kept longer than any window that reads it', () => {
  for (const { seconds, buckets, resolution } of Object.values(WINDOWS)) {
    expect(KEPT_SECONDS[resolution]).toBeGreaterThanOrEqual(seconds * (buckets + 1));
    expect(seconds % resolution).toBe(0);
  }
});
