import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttemptResult, Outcome } from './attempt.ts';
import { type DeliveryChange, type DeliveryState, judge, NOT_ATTEMPTED, TRANSITIONS, transition } from './delivery.ts';
import { MAX_RETRY_AFTER_MS } from './retry-schedule.ts';

const startedAt = new Date('2026-11-01T12:00:00Z');

function result(outcome: Outcome, statusCode?: number, headers: Record<string, string> = {}): AttemptResult {
  return {
    startedAt,
    durationMs: 1,
    outcome,
    error: outcome === 'succeeded' ? null : 'failed',
    timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, reusedConnection: false },
    request: { url: 'https://example.com/', headers: {} },
    response: statusCode === undefined ? null : { statusCode, headers, body: '', bodyTruncated: false },
  };
}

const SCHEDULE = { delaysMs: [5_000, 300_000], jitter: 0.1 };
const STATES = Object.keys(TRANSITIONS) as DeliveryState[];
const CHANGES: DeliveryChange[] = ['succeed', 'retry', 'exhaust', 'cancel', 'redeliver'];

describe('the transition table', () => {
  it('never leaves its states, ends only from pending, and begins anew only by redelivery', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...CHANGES)), (changes) => {
        let state: DeliveryState = 'pending';
        for (const change of changes) {
          const next = transition(state, change);
          if (next === null) continue;
          expect(STATES).toContain(next);
          if (state !== 'pending') expect([change, next]).toEqual(['redeliver', 'pending']);
          state = next;
        }
      }),
    );
  });
});

describe('judge', () => {
  it('agrees with the transition table, whatever comes', () => {
    const outcomes = fc.constantFrom<Outcome>('succeeded', 'http_error', 'timeout', 'dns_failed', 'blocked_address');
    const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(outcomes, fc.integer({ min: 0, max: 3 }), random, (outcome, retriesUsed, chance) => {
        const verdict = judge(result(outcome), { ...NOT_ATTEMPTED, retriesUsed }, SCHEDULE, chance);
        expect(Object.values(TRANSITIONS.pending)).toContain(verdict.state);
        expect(verdict.state === 'pending').toBe(verdict.nextDelayMs !== null);
      }),
    );
  });

  it('does not hold it against a delivery that our own stop came first', () => {
    for (const cutShort of ['sent', 'unsent'] as const) {
      const verdict = judge({ ...result('timeout'), cutShort }, { ...NOT_ATTEMPTED, retriesUsed: 2 }, SCHEDULE, 0);
      expect(verdict).toEqual({ state: 'pending', retriesUsed: 2, nextDelayMs: 0, resumeAt: null });
    }
  });

  it('walks the schedule with jitter, then is exhausted', () => {
    const at = (retriesUsed: number, random: number) =>
      judge(result('timeout'), { ...NOT_ATTEMPTED, retriesUsed }, SCHEDULE, random);
    expect(at(0, 0).nextDelayMs).toBe(4_500);
    expect(at(0, 0.5).nextDelayMs).toBe(5_000);
    expect(at(1, 0.999999).nextDelayMs).toBe(330_000);
    expect(at(1, 0.5)).toMatchObject({ state: 'pending', retriesUsed: 2 });
    expect(at(2, 0.5)).toMatchObject({ state: 'exhausted', nextDelayMs: null });
  });

  it('keeps a pending schedule intact when a person asked for an attempt in between', () => {
    const resumeAt = new Date('2026-11-02T00:00:00Z');
    const progress = { attemptCount: 3, retriesUsed: 1, trigger: 'manual', resumeAt } as const;
    const failed = judge(result('http_error', 500), progress, SCHEDULE, 0.5);
    expect(failed).toEqual({ state: 'pending', retriesUsed: 1, nextDelayMs: null, resumeAt });
    expect(judge(result('succeeded', 200), progress, SCHEDULE, 0.5).state).toBe('succeeded');
  });

  it('gives up on a receiver that is gone', () => {
    expect(judge(result('http_error', 410), NOT_ATTEMPTED, SCHEDULE, 0.5).state).toBe('exhausted');
  });

  it.each([
    ['120', 120_000],
    ['Sun, 01 Nov 2026 12:10:00 GMT', 600_000],
    ['999999999', MAX_RETRY_AFTER_MS],
    ['1', 5_000],
    ['Sun, 01 Nov 2020 12:10:00 GMT', 5_000],
    ['soon', 5_000],
    ['-5', 5_000],
  ])('honours Retry-After: %s', (value, expected) => {
    const failed = result('http_error', 503, { 'retry-after': value });
    expect(judge(failed, NOT_ATTEMPTED, SCHEDULE, 0.5).nextDelayMs).toBe(expected);
  });
});
