import { type AttemptResult, isGone } from '../domain/attempt.ts';
import {
  type Alarm,
  type BreakerRules,
  type Health,
  type HealthChange,
  type Observed,
  observe,
  type SharedHealth,
  STREAK_GAP_MS,
} from '../domain/breaker.ts';
import { isOperational } from '../domain/operational.ts';
import { retryAfterMs } from '../domain/retry-schedule.ts';
import type { Announcer } from './announcer.ts';
import type { Attempted, DeliveryToAttempt } from './attempt.ts';
import type { SentSubscription } from './subscription-cache.ts';

/** What keeping the subscriptions' health needs from outside. */
export interface HealthPorts {
  /**
   * Changes the shared row under its lock, and answers what it is then. Waits until it is written. Changes nothing for a
   * subscription that is deleted, disabled or has another URL by now.
   */
  changeHealth(subscription: SentSubscription, change: (health: Health | null) => Health | null): Promise<SharedHealth>;
  /**
   * Disables it, if it is still what was attempted, and still failing since then (null: whatever its health).
   *
   * @returns whether it was disabled
   */
  disable(subscription: SentSubscription, reason: 'gone' | 'failing', failingSince: Date | null): Promise<boolean>;
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

  /** Takes what an attempt means for its subscription. After its result is on record. */
  function settled(delivery: DeliveryToAttempt, { result }: Attempted): Promise<void> | undefined {
    const { id } = delivery.subscription;
    if (result.cutShort) return undefined;
    if (result.outcome === 'succeeded' && !troubled.has(id) && !delivery.probe) return undefined;
    if (isGone(result)) return gone({ delivery, result });
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
      known.changing = share({ delivery, result }, seen).finally(() => {
        known.changing = null;
      });
      await known.changing;
    }
    forgetIfWell(delivery.subscription.id, known);
  }

  /**
   * Decided under the lock, on the shared row. What has to be told is told first, then written, with another decision: whoever
   * dies in between does both again, and the lock is not held while SNS answers.
   */
  async function share(done: Done, seen: Observed): Promise<void> {
    const { subscription } = done.delivery;
    const told = new Set<string>();
    for (;;) {
      let decided: HealthChange = { health: null, alarms: [] };
      let untold: readonly Alarm[] = [];
      const shared = await ports.changeHealth(subscription, (health) => {
        decided = observe(health, seen, rules, new Date(now()));
        untold = decided.alarms.filter((alarm) => !told.has(nameOf(alarm)));
        return untold.every(({ kind }) => kind === 'disable') ? decided.health : health;
      });
      set(subscription.id, shared.health);
      if (!shared.updatedAt) return; // it is not what was attempted any more
      for (const alarm of untold) {
        if (alarm.kind === 'disable') return disable(done, shared, 'failing');
        if (decided.health) await ports.announcer.failing(subscription, alarm, decided.health, done.result);
        told.add(nameOf(alarm));
      }
      if (untold.length === 0) return;
    }
  }

  /** The receiver says so itself: no failures need be counted. */
  async function gone(done: Done): Promise<void> {
    const { subscription } = done.delivery;
    const shared = await ports.changeHealth(subscription, (health) => health);
    if (shared.updatedAt) await disable(done, shared, 'gone');
    else set(subscription.id, shared.health);
  }

  async function disable({ delivery, result }: Done, shared: SharedHealth, reason: 'gone' | 'failing'): Promise<void> {
    const { subscription, event } = delivery;
    const { health, updatedAt } = shared;
    if (updatedAt && !isOperational(event.type)) {
      await ports.announcer.disabled(subscription, reason, updatedAt, result);
    }
    const failingSince = reason === 'failing' ? (health?.failingSince ?? null) : null;
    if (await ports.disable(subscription, reason, failingSince)) troubled.delete(subscription.id);
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
