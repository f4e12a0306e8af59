export interface SlotOptions {
  /** Attempts in flight at once, in all. */
  readonly total: number;
  /** Attempts in flight at once for one subscription. */
  readonly perSubscription: number;
  /** How long {@link Slots.enter} waits for a slot before it says no. */
  readonly patienceMs?: number;
  readonly now?: () => number;
}

/** Bounds the attempts in flight: in all, and per subscription, so that a receiver that hangs holds only its share. */
export interface Slots {
  /** Takes a slot; false when the subscription is at its limit and none came free in time: the delivery is to be parked. */
  enter(subscriptionId: string): boolean | Promise<boolean>;
  /** Takes a slot that {@link Slots.free} has promised. */
  occupy(subscriptionId: string): void;
  /** @param heldMs how long the slot was held: what others may expect to wait follows from it */
  leave(subscriptionId: string, heldMs: number): void;
  /** How many more attempts may start: in all, for a subscription with none in flight, and for those that have some. */
  free(): { readonly total: number; readonly perSubscription: number; readonly busy: Map<string, number> };
  readonly inUse: number;
}

/** A subscription may take this share of what is free, so that even many hanging receivers leave room for the others. */
const SHARE_OF_FREE = 0.25;

/** A busy receiver frees a slot every few milliseconds: waiting for it is cheaper than parking, which writes three times. */
const PATIENCE_MS = 200;

/** Weight of the latest attempt in how long a lane's slots are held. */
const LATEST = 0.2;

interface Lane {
  active: number;
  waiters: { since: number; admit(free: boolean): void }[];
  /** How long a slot is held, on average of late, in milliseconds; 0 while nothing is known. */
  heldMs: number;
  /** Somebody has waited in vain since a slot last came free: waiting is pointless, park at once. */
  stalled: boolean;
}

/**
 * The limit of a subscription is `min(perSubscription, a quarter of the free slots)`: a dynamic threshold as in shared-buffer
 * switches. Of 384 slots one hanging receiver gets its full 48; after a dozen of them the next still finds 30 free, and takes 6.
 */
export function createSlots({ total, perSubscription, patienceMs = PATIENCE_MS, now = Date.now }: SlotOptions): Slots {
  const lanes = new Map<string, Lane>();
  let inUse = 0;
  let sweeper: NodeJS.Timeout | undefined;

  const limit = () => Math.min(perSubscription, Math.max(1, Math.floor(SHARE_OF_FREE * (total - inUse))));

  function laneOf(id: string): Lane {
    let lane = lanes.get(id);
    if (!lane) {
      lane = { active: 0, waiters: [], heldMs: 0, stalled: false };
      lanes.set(id, lane);
    }
    return lane;
  }

  function take(lane: Lane): void {
    lane.active++;
    inUse++;
  }

  function enter(id: string): boolean | Promise<boolean> {
    const lane = laneOf(id);
    if (lane.waiters.length === 0 && lane.active < limit() && inUse < total) {
      take(lane);
      return true;
    }
    if (lane.stalled || expectedWaitMs(lane) > patienceMs) return false;
    return new Promise((admit) => {
      lane.waiters.push({ since: now(), admit });
      sweeper ??= setInterval(sweep, patienceMs / 4);
    });
  }

  /** So many before us, each group of `active` taking as long as a slot is held. */
  const expectedWaitMs = (lane: Lane) => ((lane.waiters.length + 1) * lane.heldMs) / Math.max(1, lane.active);

  function leave(id: string, heldMs: number): void {
    const lane = laneOf(id);
    lane.active--;
    inUse--;
    lane.stalled = false;
    lane.heldMs = lane.heldMs === 0 ? heldMs : lane.heldMs + LATEST * (heldMs - lane.heldMs);
    if (lane.waiters.length > 0 && lane.active < limit()) {
      take(lane);
      lane.waiters.shift()?.admit(true);
    }
    if (lane.active === 0 && lane.waiters.length === 0) lanes.delete(id);
  }

  function sweep(): void {
    const oldest = now() - patienceMs;
    let waiting = 0;
    for (const lane of lanes.values()) {
      while (lane.waiters[0] && lane.waiters[0].since <= oldest) {
        lane.stalled = lane.active > 0;
        lane.waiters.shift()?.admit(false);
      }
      waiting += lane.waiters.length;
    }
    if (waiting === 0) {
      clearInterval(sweeper);
      sweeper = undefined;
    }
  }

  function free() {
    const each = limit();
    const busy = new Map([...lanes].map(([id, { active }]) => [id, Math.max(0, each - active)]));
    return { total: total - inUse, perSubscription: each, busy };
  }

  return {
    enter,
    leave,
    free,
    occupy: (id) => take(laneOf(id)),
    get inUse() {
      return inUse;
    },
  };
}
