import fc from 'fast-check';
import { expect, test } from 'vitest';
import { addLatency, decodeLatency, encodeLatency, type Latency, mergeLatency, percentiles } from './latency.ts';

const durations = fc.array(fc.double({ min: 0.1, max: 100_000, noNaN: true }), { minLength: 1, maxLength: 300 });

function histogram(all: readonly number[]): Latency {
  const latency: Latency = new Map();
  for (const ms of all) addLatency(latency, ms);
  return latency;
}

test('a percentile is off by 5 % at the most', () => {
  fc.assert(
    fc.property(durations, fc.double({ min: 0, max: 1, noNaN: true }), (all, share) => {
      const exact = [...all].sort((one, other) => one - other)[
        Math.max(1, Math.ceil(share * all.length)) - 1
      ] as number;
      const [read] = percentiles(histogram(all), [share]) as [number];
      expect(Math.abs(read - exact) / exact).toBeLessThanOrEqual(0.05);
    }),
  );
});

test('the histogram of all is the sum of the parts’', () => {
  fc.assert(
    fc.property(durations, durations, (some, others) => {
      const sum = histogram(some);
      mergeLatency(sum, histogram(others));
      expect(sum).toEqual(histogram([...some, ...others]));
    }),
  );
});

test('it comes back from the record as it was', () => {
  const counts = fc.uniqueArray(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 2 ** 45 })), {
    selector: ([bucket]) => bucket,
  });
  fc.assert(
    fc.property(counts, (pairs) => {
      const latency = new Map(pairs);
      expect(decodeLatency(encodeLatency(latency))).toEqual(latency);
    }),
  );
});

test('percentiles rise', () => {
  fc.assert(
    fc.property(durations, (all) => {
      const [p50, p95, p99] = percentiles(histogram(all), [0.5, 0.95, 0.99]) as [number, number, number];
      expect(p50).toBeLessThanOrEqual(p95);
      expect(p95).toBeLessThanOrEqual(p99);
    }),
  );
});

test('of nothing there are none, and what took no time is 0.1 ms', () => {
  expect(percentiles(new Map(), [0.5])).toBeNull();
  expect(percentiles(histogram([0]), [0, 1])).toEqual([0.1, 0.1]);
});
