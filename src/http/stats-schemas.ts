import Type, { type Static } from 'typebox';
import { percentiles } from '../domain/latency.ts';
import { addTally, emptyTally, OUTCOMES, type Tally, WINDOWS, type Window } from '../domain/stats.ts';
import type { StatsBucket } from '../store/stats.ts';
import { iso, ref, Time } from './schemas.ts';

export const WindowText = Type.Enum(Object.keys(WINDOWS) as Window[], {
  default: '24h',
  description: 'Up to now: `1h` in minutes, `24h` in quarters of an hour, `7d` in hours, `30d` in quarters of a day',
});

const Count = (description: string) => Type.Integer({ minimum: 0, description });

const Percentile = (share: number) =>
  Type.Number({ description: `${share} % of the attempts took no longer, in milliseconds; off by 5 % at the most` });

const numbers = {
  attempts: Count('How many started in this time'),
  outcomes: Type.Object(Object.fromEntries(OUTCOMES.map((name) => [name, Count(`Attempts whose outcome is ${name}`)]))),
  latencyMs: Type.Unsafe<{ p50: number; p95: number; p99: number } | null>({
    type: ['object', 'null'],
    description: 'Percentiles of `durationMs` over all attempts; null when there are none',
    required: ['p50', 'p95', 'p99'],
    properties: { p50: Percentile(50), p95: Percentile(95), p99: Percentile(99) },
  }),
};

/** Attempts of some time in numbers. */
export const AttemptNumbers = Type.Object(numbers, { $id: 'AttemptNumbers', description: 'Attempts in numbers' });

export const Stats = Type.Object(
  {
    window: WindowText,
    bucketSeconds: Type.Integer({ description: 'How long each bucket is', examples: [900] }),
    since: Time('The beginning of the first bucket'),
    until: Time('When the numbers were read: the last bucket is not over yet'),
    total: ref(AttemptNumbers),
    buckets: Type.Array(Type.Object({ start: Time('When the bucket begins'), ...numbers }), {
      description: 'First to last, those without attempts too',
    }),
  },
  { $id: 'Stats', description: 'Attempts by outcome, and how long they took, in buckets of time' },
);

/** Statistics for the answer. */
export function showStats(window: Window, now: Date, buckets: readonly StatsBucket[]): Static<typeof Stats> {
  const total = emptyTally();
  for (const bucket of buckets) addTally(total, bucket);
  return {
    window,
    bucketSeconds: WINDOWS[window].seconds,
    since: iso(buckets[0]?.start ?? now),
    until: iso(now),
    total: showTally(total),
    buckets: buckets.map((bucket) => ({ start: iso(bucket.start), ...showTally(bucket) })),
  };
}

function showTally({ outcomes, latency }: Tally): Static<typeof AttemptNumbers> {
  const [p50, p95, p99] = percentiles(latency, [0.5, 0.95, 0.99]) ?? [];
  return {
    attempts: outcomes.reduce((sum, count) => sum + count, 0),
    outcomes: Object.fromEntries(OUTCOMES.map((name, at) => [name, outcomes[at] as number])),
    latencyMs: p50 === undefined || p95 === undefined || p99 === undefined ? null : { p50, p95, p99 },
  };
}
