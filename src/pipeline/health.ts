import { type AttemptResult, isGone } from '../domain/attempt.ts';
import {
  type Alarm,
  type BreakerRules,
  type Health,
  type HealthChange,
  type Observed,
  observe,
  STREAK_GAP_MS,
} from '../domain/breaker.ts';
import { isOperational } from '../domain/operational.ts';
import { retryAfterMs } from '../domain/retry-schedule.ts';
import type { Announcer } from './announcer.ts';
import type { Attempted, DeliveryToAttempt } from './attempt.ts';
import type { SentSubscription } from './subscription-cache.ts';

/** What keeping the subscriptions' health needs from outside. */
export interface HealthPorts {
  /** Changes the shared row under its lock, and answers what it is then. Waits until it is written. */
  changeHealth(subscriptionId: string, change: (health: Health | null) => Health | null): Promise<Health | null>;
  disable(subscription: SentSubscription, reason: 'gone' | 'failing'): Promise<void>;
  readonly announcer: Pick<Announcer, 'failing' | 'disabled'>;
  readonly rules: BreakerRules;
  readonly now?: () => number;
}

/** A subscription in trouble, as this worker knows it. */
interface Known {
  health: Health | null;
  streak: number;
  streakSince: Date;
  lastFailureAt: number;
  /** A change of the shared row that is under way. */
  changing: Promise<void> | null;
}

/** An attempt that is through. */
interface Done {
  readonly delivery: DeliveryToAttempt;
  readonly result: AttemptResult;
}

const nameOf = (alarm: Alarm): string => (alarm.kind === 'warning' ? `warning ${alarm.percent}` : alarm.kind);

const SLOWED = new Set([429, 503]);

/**
 * The breakers, shared by all workers through Postgres: each worker knows which subscriptions are in trouble (it hears of
 * changes), counts failures in a row by itself, and writes only what changes the shared row. A success where nothing was wrong
 * is one look into a map.
 */
export function createHealth(ports: HealthPorts) {
  const { rules, now = Date.now } = ports;
  const troubled = new Map<string, Known>();
  let isStopped = false;

  /** Takes what an attempt means for its subscription. After its result is on record. */
  function settled(delivery: DeliveryToAttempt, { result }: Attempted): Promise<void> | undefined {
    const { id } = delivery.subscription;
    if (isStopped) return undefined;
    if (result.outcome === 'succeeded' && !troubled.has(id) && !delivery.probe) return undefined;
    if (isGone(result)) return disable(delivery, result, 'gone');
    const known = knownOf(id);
    count(known, result);
    return takeIn(known, delivery, result);
  }

  function knownOf(id: string): Known {
    const known = troubled.get(id) ?? {
      health: null,
      streak: 0,
      streakSince: new Date(now()),
      lastFailureAt: 0,
      changing: null,
    };
    troubled.set(id, known);
    return known;
  }

  function count(known: Known, result: AttemptResult): void {
    if (result.outcome === 'succeeded') {
      known.streak = 0;
      return;
    }
    if (known.streak === 0 || now() - known.lastFailureAt > STREAK_GAP_MS) {
      known.streak = 0;
      known.streakSince = result.startedAt;
    }
    known.streak++;
    known.lastFailureAt = now();
  }

  /** One change of a subscription's row at a time: those that waited find that most of it is said. */
  async function takeIn(known: Known, delivery: DeliveryToAttempt, result: AttemptResult): Promise<void> {
    while (known.changing) await known.changing;
    const seen = observed(known, delivery, result);
    const change = observe(known.health, seen, rules, new Date(now()));
    if (change.health !== known.health || seen.probe || change.alarms.length > 0) {
      known.changing = share({ delivery, result }, seen, change).finally(() => {
        known.changing = null;
      });
      await known.changing;
    }
    forgetIfWell(delivery.subscription.id, known);
  }

  /** Told first, then written: whoever dies in between does both again. What only the shared row shows is told after. */
  async function share(done: Done, seen: Observed, expected: HealthChange): Promise<void> {
    await sound(done, expected, expected.alarms);
    if (expected.alarms.some(({ kind }) => kind === 'disable')) return;
    let change = expected;
    const { id } = done.delivery.subscription;
    const shared = await ports.changeHealth(id, (health) => {
      change = observe(health, seen, rules, new Date(now()));
      return change.health;
    });
    set(id, shared);
    const said = new Set(expected.alarms.map(nameOf));
    await sound(
      done,
      change,
      change.alarms.filter((alarm) => !said.has(nameOf(alarm))),
    );
  }

  async function sound({ delivery, result }: Done, { health }: HealthChange, alarms: readonly Alarm[]): Promise<void> {
    for (const alarm of alarms) {
      if (alarm.kind === 'disable') await disable(delivery, result, 'failing');
      else if (health) await ports.announcer.failing(delivery.subscription, alarm, health, result);
    }
  }

  async function disable(
    { subscription, event }: DeliveryToAttempt,
    result: AttemptResult,
    reason: 'gone' | 'failing',
  ) {
    if (!isOperational(event.type)) await ports.announcer.disabled(subscription, reason, result);
    await ports.disable(subscription, reason);
    troubled.delete(subscription.id);
  }

  function forgetIfWell(id: string, known: Known): void {
    if (!known.health && known.streak === 0 && !known.changing && troubled.get(id) === known) troubled.delete(id);
  }

  /** Another worker, or this one, has changed the shared row. */
  function set(id: string, health: Health | null): void {
    if (!health && !troubled.has(id)) return;
    const known = knownOf(id);
    known.health = health;
    if (!health) known.streak = 0;
    forgetIfWell(id, known);
  }

  return {
    /** True while first attempts are to be parked. Only a claim lets a probe through. */
    isOpen: (subscriptionId: string): boolean => {
      const health = troubled.get(subscriptionId)?.health;
      return health !== null && health !== undefined && health.breaker !== 'closed';
    },
    settled,
    /** From now on results mean nothing: a stop ends attempts that are under way, which is not their receivers' fault. */
    stop(): void {
      isStopped = true;
    },
    set,
    /** Everything that is shared, read anew: what was heard before may be out of date. */
    replace(all: ReadonlyMap<string, Health>): void {
      for (const id of troubled.keys()) if (!all.has(id)) set(id, null);
      for (const [id, health] of all) set(id, health);
    },
  };
}

function observed(known: Known, { probe, progress, event }: DeliveryToAttempt, result: AttemptResult): Observed {
  const isSlowed = SLOWED.has(result.response?.statusCode ?? 0);
  return {
    succeeded: result.outcome === 'succeeded',
    probe: probe === true,
    streak: known.streak,
    streakSince: known.streakSince,
    isRetry: progress.attemptCount > 0,
    retryAfterMs: isSlowed ? retryAfterMs(result) : null,
    operational: isOperational(event.type),
  };
}

export type HealthKeeper = ReturnType<typeof createHealth>;
