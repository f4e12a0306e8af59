import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Health, type Observed, observe, pauseMs } from './breaker.ts';

const DAY_MS = 86_400_000;
const OPENS_AFTER = 10;
const rules = { opensAfter: OPENS_AFTER, disableAfterMs: 5 * DAY_MS };
const start = new Date('2026-11-22T12:00:00Z');
const at = (ms: number) => new Date(start.getTime() + ms);

const failure: Observed = {
  succeeded: false,
  probe: false,
  streak: 1,
  streakSince: start,
  isRetry: false,
  retryAfterMs: null,
  operational: false,
};
const success: Observed = { ...failure, succeeded: true, streak: 0 };

/** So many failures in a row, a second apart. */
function fail(times: number, health: Health | null = null) {
  const alarms: string[] = [];
  for (let streak = 1; streak <= times; streak++) {
    const change = observe(health, { ...failure, streak }, rules, at(streak * 1000));
    health = change.health;
    alarms.push(...change.alarms.map(({ kind }) => kind));
  }
  return { health, alarms };
}

const anyObserved = fc.record({
  succeeded: fc.boolean(),
  probe: fc.boolean(),
  streak: fc.integer({ min: 0, max: 20 }),
  streakSince: fc.integer({ min: -DAY_MS, max: 0 }).map(at),
  isRetry: fc.boolean(),
  retryAfterMs: fc.option(fc.integer({ min: 0, max: DAY_MS })),
  operational: fc.boolean(),
});

describe('breaker', () => {
  it('opens at the tenth failure in a row, and says so once', () => {
    expect(fail(OPENS_AFTER - 1).health?.breaker).toBe('closed');
    const { health, alarms } = fail(OPENS_AFTER + 5);
    expect(health).toMatchObject({ breaker: 'open', notBefore: at(OPENS_AFTER * 1000 + 2000) });
    expect(alarms).toEqual(['opened']);
  });

  it('stays closed however much fails when it is switched off, but minds Retry-After', () => {
    const off = { ...rules, opensAfter: 0 };
    const { health } = observe(fail(9).health, { ...failure, streak: 50 }, off, at(50_000));
    expect(health?.breaker).toBe('closed');
    expect(observe(health, { ...failure, retryAfterMs: 60_000 }, off, at(51_000)).health?.breaker).toBe('open');
  });

  it('a failure or two are not worth a row; a success where nothing was wrong changes nothing', () => {
    expect(fail(2).health).toBeNull();
    expect(observe(null, success, rules, start)).toEqual({ health: null, alarms: [] });
  });

  it('pauses twice as long after each probe that fails, five minutes at the most; a probe that succeeds closes it', () => {
    let { health } = fail(OPENS_AFTER);
    for (let pause = 2; pause <= 12; pause++) {
      health = observe(health, { ...failure, probe: true }, rules, start).health;
      expect(health?.notBefore).toEqual(at(pauseMs(pause)));
    }
    expect(pauseMs(12)).toBe(300_000);
    expect(observe(health, { ...success, probe: true }, rules, start).health).toBeNull();
  });

  it('a success that was under way when it opened ends the streak, but only the probe closes it', () => {
    const { health } = observe(fail(OPENS_AFTER).health, success, rules, at(20_000));
    expect(health).toMatchObject({ breaker: 'open', failingSince: null });
  });

  it('Retry-After pauses all of it, and many answers of one moment are one change', () => {
    const paused = observe(null, { ...failure, retryAfterMs: 60_000 }, rules, start);
    expect(paused).toMatchObject({ health: { breaker: 'open', notBefore: at(60_000) }, alarms: [] });
    const again = observe(paused.health, { ...failure, streak: 2, retryAfterMs: 60_000 }, rules, at(500));
    expect(again.health).toBe(paused.health);
  });

  it('warns at 50, 75 and 90 % of the time until it is disabled, each once, and then disables', () => {
    let { health } = fail(3);
    const said = [];
    for (let hour = 0; hour <= 120; hour += 1) {
      const change = observe(health, { ...failure, isRetry: true }, rules, at(hour * 3_600_000));
      health = change.health;
      for (const alarm of change.alarms) said.push([hour, alarm.kind === 'warning' ? alarm.percent : alarm.kind]);
    }
    expect(said).toEqual([
      [60, 50],
      [90, 75],
      [108, 90],
      [120, 'disable'],
    ]);
  });

  it('an operational event’s failure raises no alarm', () => {
    fc.assert(
      fc.property(fc.array(anyObserved, { maxLength: 30 }), fc.integer({ min: 0, max: 10 * DAY_MS }), (all, ms) => {
        let health: Health | null = null;
        for (const seen of all) {
          const change = observe(health, { ...seen, operational: true }, rules, at(ms));
          expect(change.alarms).toEqual([]);
          health = change.health;
        }
      }),
    );
  });

  it('whatever happens: not closed means a time for the next probe, and a probe’s success heals', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyObserved, fc.integer({ min: 0, max: DAY_MS })), { maxLength: 40 }), (all) => {
        let health: Health | null = null;
        let now = 0;
        for (const [seen, gapMs] of all) {
          now += gapMs;
          health = observe(health, seen, rules, at(now)).health;
          if (health && health.breaker !== 'closed') expect(health.notBefore).not.toBeNull();
          expect(observe(health, { ...success, probe: true }, rules, at(now)).health).toBeNull();
        }
      }),
    );
  });

  it('seeing the same again on the row that it has made changes nothing: a repetition after a crash is harmless', () => {
    fc.assert(
      fc.property(anyObserved, fc.integer({ min: 1, max: 20 }), (seen, times) => {
        const once = observe(fail(times).health, { ...seen, probe: false }, rules, at(60_000));
        const twice = observe(once.health, { ...seen, probe: false }, rules, at(60_000));
        expect(twice.health).toEqual(once.health);
      }),
    );
  });
});
