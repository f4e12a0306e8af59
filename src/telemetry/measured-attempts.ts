import type { Trigger } from '../domain/attempt.ts';
import type { Verdict } from '../domain/delivery.ts';
import { OUTCOMES } from '../domain/stats.ts';
import type { Attempt } from '../pipeline/attempt.ts';
import type { Slots } from '../pipeline/slots.ts';
import { CALL_BUCKETS, type Metrics } from './metrics.ts';

const TRIGGERS: readonly Trigger[] = ['automatic', 'manual', 'recovery', 'test'];

/** What attempts and their results count. */
export function measureAttempts(metrics: Metrics) {
  const attempts = metrics.counter(
    {
      name: 'postrider_attempts_total',
      help: 'Attempts by how they ended and who asked for them.',
      labelNames: ['outcome', 'trigger'],
    },
    OUTCOMES.flatMap((outcome) => TRIGGERS.map((trigger) => ({ outcome, trigger }))),
  );
  const durations = metrics.histogram({
    name: 'postrider_attempt_duration_seconds',
    help: 'Attempts, from DNS to the last byte of the answer.',
    labelNames: ['outcome'],
    buckets: CALL_BUCKETS,
  });
  const finished = metrics.counter(
    {
      name: 'postrider_deliveries_finished_total',
      help: 'Deliveries that an attempt brought to an end.',
      labelNames: ['state'],
    },
    [{ state: 'succeeded' }, { state: 'exhausted' }],
  );
  const inFlight = new Map<string, { readonly slots: Slots; readonly total: number }>();
  metrics.gauge({
    name: 'postrider_attempts_in_flight',
    help: 'Attempts under way, those of new events and those of the retrier.',
    labelNames: ['kind'],
    collect() {
      for (const [kind, { slots }] of inFlight) this.set({ kind }, slots.inUse);
    },
  });
  metrics.gauge({
    name: 'postrider_attempt_slots',
    help: 'The most attempts that may be under way at once.',
    labelNames: ['kind'],
    collect() {
      for (const [kind, { total }] of inFlight) this.set({ kind }, total);
    },
  });

  return {
    attempt:
      (attempt: Attempt): Attempt =>
      async (delivery) => {
        const attempted = await attempt(delivery);
        const { outcome, durationMs } = attempted.result;
        attempts.inc({ outcome, trigger: delivery.progress.trigger });
        durations.observe({ outcome }, durationMs / 1000);
        return attempted;
      },

    /** Counts what has ended once it is on record; `false` says that the delivery had moved on without us. */
    record:
      <T extends { readonly verdict: Verdict }, R>(record: (result: T) => Promise<R>) =>
      async (result: T): Promise<R> => {
        const answer = await record(result);
        if (result.verdict.state !== 'pending' && answer !== false) finished.inc({ state: result.verdict.state });
        return answer;
      },

    /** @param total the most that can be in use */
    slots(kind: 'first' | 'retry', slots: Slots, total: number): Slots {
      inFlight.set(kind, { slots, total });
      return slots;
    },
  };
}
