import type { ParkReason } from '../domain/parking.ts';
import type { Subscription } from '../domain/subscription.ts';
import type { HealthKeeper } from './health.ts';
import type { Slots } from './slots.ts';

export interface AdmitPorts {
  readonly health: Pick<HealthKeeper, 'isOpen'>;
  readonly slots: Pick<Slots, 'enter'>;
}

/**
 * Asks whether a new delivery may be attempted now: null, and it has taken a slot; otherwise why it is to be parked. The slot is
 * asked for last, since whoever gets one must leave it.
 */
export function admit(
  { health, slots }: AdmitPorts,
  { id, ordered, rateLimit }: Pick<Subscription, 'id' | 'ordered' | 'rateLimit'>,
): ParkReason | null | Promise<ParkReason | null> {
  if (ordered) return 'ordered';
  if (health.isOpen(id)) return 'breaker';
  if (rateLimit !== null) return 'rate';
  const entered = slots.enter(id);
  return typeof entered === 'boolean' ? capUnless(entered) : entered.then(capUnless);
}

const capUnless = (entered: boolean): ParkReason | null => (entered ? null : 'cap');
