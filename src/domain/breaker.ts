/**
 * What is known of a subscription in trouble; a healthy one has none. The breaker:
 *
 * ```
 *     BREAKER_AFTER failures in a row, or 429/503 with Retry-After
 *   closed ────────────────────────────────────────────────────▶ open ◀──────────┐
 *     ▲                                                            │ pause over   │ probe failed:
 *     │                                                            ▼              │ pause × 2
 *     └──────────────────── probe succeeded ──────────────── half_open ───────────┘
 * ```
 */
export interface Health {
  readonly breaker: 'closed' | 'open' | 'half_open';
  /** Since when it is closed, or not closed. */
  readonly since: Date;
  /** Open: when the next probe may go. Half-open: when the probe's lease ends, and another may go. */
  readonly notBefore: Date | null;
  /** Pauses in a row: each is twice as long as the one before. */
  readonly pauses: number;
  /** Nothing has succeeded since; null: something has, but the breaker waits for its probe. */
  readonly failingSince: Date | null;
  /** The last warning given, in per cent of the time until the subscription is disabled. */
  readonly warnedPercent: number;
  /** It has been said that the breaker opened in this streak. */
  readonly announced: boolean;
}

/** The shared row of a subscription, as a change of it has left it. */
export interface SharedHealth {
  readonly health: Health | null;
  /**
   * When the subscription itself was changed last. Null: what was attempted is no more (it was deleted, disabled, or has another
   * URL now), so nothing was changed.
   */
  readonly updatedAt: Date | null;
}

/** An attempt's result, as the breaker sees it. */
export interface Observed {
  readonly succeeded: boolean;
  /** It was the one attempt that a breaker lets through after its pause. */
  readonly probe: boolean;
  /** Failures in a row in this worker, this one included, and when the first of them was. */
  readonly streak: number;
  readonly streakSince: Date;
  /** The delivery had failed before. */
  readonly isRetry: boolean;
  /** What a 429 or 503 asked for, in milliseconds. */
  readonly retryAfterMs: number | null;
  /** The event was one of Postrider's own: no warnings and no disabling on its account. */
  readonly operational: boolean;
}

export interface BreakerRules {
  /** Failures in a row, in one worker, that open the breaker; 0: only `Retry-After` does. */
  readonly opensAfter: number;
  /** After so long without a success, in milliseconds, a subscription is disabled. */
  readonly disableAfterMs: number;
}

/** What people have to be told, or is to be done. */
export type Alarm = { readonly kind: 'opened' } | { readonly kind: 'warning'; readonly percent: number } | Disable;
interface Disable {
  readonly kind: 'disable';
}

export interface HealthChange {
  readonly health: Health | null;
  readonly alarms: readonly Alarm[];
}

/** Failures further apart than this are not "in a row": one delivery's retries, hours apart, open nothing. */
export const STREAK_GAP_MS = 5 * 60_000;

/** A single failure is not worth a row; a third in a row is, and so is a failed retry. */
const NOTED_AFTER = 3;

/** The pause before a probe: 2 s, twice as long after each that fails, 5 minutes at the most. */
const FIRST_PAUSE_MS = 2_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

/** A later Retry-After moves the pause's end only when it is worth a write. */
const WORTH_MOVING_MS = 1_000;

const WARNINGS = [90, 75, 50];

/** How long the n-th pause in a row is, in milliseconds; n from 1. */
export const pauseMs = (n: number): number => Math.min(FIRST_PAUSE_MS * 2 ** Math.min(n - 1, 30), LONGEST_PAUSE_MS);

/** What an attempt's result makes of a subscription's health. Unchanged health is returned as the same object. */
export function observe(health: Health | null, seen: Observed, rules: BreakerRules, now: Date): HealthChange {
  if (seen.succeeded) return { health: health && afterSuccess(health, seen), alarms: [] };
  if (!health && !isWorthNoting(seen)) return { health, alarms: [] };
  const failing = { ...(health ?? fresh(now)), failingSince: health?.failingSince ?? seen.streakSince };
  const warned = seen.operational ? failing : warn(failing, rules, now);
  const next = trip(warned, seen, rules, now);
  if (health && isSame(health, next)) return { health, alarms: alarmsOf(health, health, seen, rules, now) };
  return { health: next, alarms: alarmsOf(health, next, seen, rules, now) };
}

/** A success that was under way when the breaker opened proves that not all fails, but only the probe closes. */
function afterSuccess(health: Health, { probe }: Observed): Health | null {
  if (probe || health.breaker === 'closed') return null;
  if (health.failingSince === null) return health;
  return { ...health, failingSince: null, warnedPercent: 0, announced: false };
}

const isWorthNoting = ({ streak, isRetry, probe, retryAfterMs }: Observed): boolean =>
  streak >= NOTED_AFTER || isRetry || probe || retryAfterMs !== null;

const fresh = (now: Date): Health => ({
  breaker: 'closed',
  since: now,
  notBefore: null,
  pauses: 0,
  failingSince: null,
  warnedPercent: 0,
  announced: false,
});

function warn(health: Health, { disableAfterMs }: BreakerRules, now: Date): Health {
  const percent = failedPercent(health, disableAfterMs, now);
  const warnedPercent = WARNINGS.find((each) => percent >= each) ?? 0;
  return warnedPercent > health.warnedPercent ? { ...health, warnedPercent } : health;
}

const failedPercent = ({ failingSince }: Health, disableAfterMs: number, now: Date): number =>
  failingSince ? ((now.getTime() - failingSince.getTime()) / disableAfterMs) * 100 : 0;

function trip(health: Health, seen: Observed, { opensAfter }: BreakerRules, now: Date): Health {
  const { probe, streak, retryAfterMs, operational } = seen;
  const opens = health.breaker === 'closed' && opensAfter > 0 && streak >= opensAfter;
  if (probe || opens) {
    const pauses = Math.min(health.pauses + 1, 1_000);
    const notBefore = after(now, Math.max(pauseMs(pauses), retryAfterMs ?? 0));
    return { ...open(health, now, notBefore), pauses, announced: health.announced || !operational };
  }
  if (!retryAfterMs) return health;
  const asked = after(now, retryAfterMs);
  const until = health.notBefore?.getTime() ?? 0;
  return asked.getTime() > until + WORTH_MOVING_MS ? open(health, now, asked) : health;
}

const open = (health: Health, now: Date, notBefore: Date): Health => ({
  ...health,
  breaker: 'open',
  since: health.breaker === 'closed' ? now : health.since,
  notBefore,
});

function alarmsOf(
  before: Health | null,
  next: Health,
  seen: Observed,
  { disableAfterMs }: BreakerRules,
  now: Date,
): Alarm[] {
  if (seen.operational) return [];
  if (failedPercent(next, disableAfterMs, now) >= 100) return [{ kind: 'disable' }];
  const opened: Alarm[] = next.announced && !before?.announced ? [{ kind: 'opened' }] : [];
  const percent = next.warnedPercent;
  return percent > (before?.warnedPercent ?? 0) ? [...opened, { kind: 'warning', percent }] : opened;
}

const isSame = (one: Health, other: Health): boolean =>
  one.breaker === other.breaker &&
  one.notBefore?.getTime() === other.notBefore?.getTime() &&
  one.failingSince?.getTime() === other.failingSince?.getTime() &&
  one.warnedPercent === other.warnedPercent &&
  one.announced === other.announced;

const after = (now: Date, ms: number): Date => new Date(now.getTime() + ms);
