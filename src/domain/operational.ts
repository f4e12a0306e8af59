import type { Event } from './event.ts';
import { eventIdOfMessage } from './ids.ts';

/** Events that Postrider itself publishes. Nobody else may, through the API. */
export type OperationalType =
  | 'subscription.failing'
  | 'subscription.disabled'
  | 'delivery.exhausted'
  | 'delivery.recovered'
  | 'dead_letter.created';

const TYPES: ReadonlySet<string> = new Set<OperationalType>([
  'subscription.failing',
  'subscription.disabled',
  'delivery.exhausted',
  'delivery.recovered',
  'dead_letter.created',
]);

/** The partner that stands for whoever operates Postrider: gets what concerns no partner. */
export const OPERATOR_PARTNER = 'postrider';

/** True for a type that Postrider keeps for itself. What becomes of such an event raises no further one. */
export const isOperational = (type: string): boolean => TYPES.has(type);

export interface OperationalNews {
  readonly partnerId: string;
  readonly type: OperationalType;
  /** What it is about: the same key within ten minutes is the same event, so that repeating after a crash says it once. */
  readonly key: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An id's time is rounded down to this, so that a repetition gives the same id. */
const SAME_WITHIN_MS = 10 * 60_000;

/** The event that tells the news. */
export function operationalEvent({ partnerId, type, key, data }: OperationalNews, now: Date): Event {
  const about = new Date(Math.floor(now.getTime() / SAME_WITHIN_MS) * SAME_WITHIN_MS);
  const id = eventIdOfMessage(about, `${partnerId} ${type} ${key}`);
  return { id, partnerId, type, timestamp: now.toISOString(), data: JSON.stringify(data) };
}
