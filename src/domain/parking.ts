import { IN_LINE, ORDER_WINDOW_MS, PARKED, type Verdict } from './delivery.ts';

/** Why a delivery is put off before its first attempt. */
export const PARK_REASONS = ['ordered', 'breaker', 'rate', 'cap', 'stopping'] as const;
export type ParkReason = (typeof PARK_REASONS)[number];

/** How it goes on record, and in how many milliseconds its worker is to claim what is due; null: not on its account. */
interface Parking {
  readonly verdict: Verdict;
  readonly claimInMs: number | null;
}

export const PARKING: Readonly<Record<ParkReason, Parking>> = {
  ordered: { verdict: IN_LINE, claimInMs: ORDER_WINDOW_MS },
  breaker: { verdict: PARKED, claimInMs: null }, // claims pass it by until the breaker lets a probe through
  rate: { verdict: PARKED, claimInMs: 0 }, // claims give slots, in turn
  cap: { verdict: PARKED, claimInMs: 0 },
  // Our own stop came first, and no request was made. Parked, any worker takes it within half a second; handed back with its
  // message, it would have to wait for the event's lease.
  stopping: { verdict: PARKED, claimInMs: null },
};
