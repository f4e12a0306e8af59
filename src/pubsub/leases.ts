import type { Settler } from './settler.ts';
import type { ReceivedMessage, SettledEntry } from './transport.ts';

/** A received message, on lease until it is settled: by `ack` or `return`, whichever comes first; the other is a no-op. */
export interface Message {
  /** The queue's id; the same on every receipt of the message. */
  readonly id: string;
  readonly body: string;
  /** String attributes, among them W3C `traceparent` where the producer sent it. */
  readonly attributes: Record<string, string>;
  readonly groupId?: string;
  /** When the queue took it. */
  readonly sentAt: Date;
  /** 1 on the first receipt. */
  readonly receiveCount: number;
  /** When this process received it, epoch milliseconds. */
  readonly receivedAt: number;
  /** Deletes it. Resolves when it is deleted, or lost (told to onError: it will come again). Never rejects. */
  ack(): Promise<void>;
  /** Keeps it hidden for this many whole seconds from now, instead of the automatic extension. Never rejects. */
  extend(seconds: number): Promise<void>;
  /** Hands it back, to be received again after `delaySeconds` (whole, default 0). Never rejects. */
  return(delaySeconds?: number): Promise<void>;
}

/** What happens to the leases of a consumer. */
export interface LeaseOptions {
  settler: Settler;
  visibilitySeconds: number;
  extendAfterSeconds: number;
  /** Something went wrong with one message; it is not in the way of others. */
  onError: (error: Error, message: Message) => void;
  /** A message has left: there is room for another. */
  onSettled: () => void;
}

/** The messages received and not yet settled. */
export interface Leases {
  admit(received: ReceivedMessage): Message;
  /** Resolves when none is left. */
  empty(): Promise<void>;
  /** Hands back all that nobody has settled. */
  returnAll(): Promise<void>;
  /** Ends the automatic extensions. */
  stop(): void;
  /** Including those whose ack or return is under way. */
  readonly size: number;
}

class Lease implements Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: Record<string, string>;
  declare readonly groupId?: string;
  readonly sentAt: Date;
  readonly receiveCount: number;
  readonly receivedAt: number;
  readonly #keeper: Keeper;
  readonly #receipt: string;
  #extendAt: number;
  #extension: Promise<void> | undefined;
  #settled: Promise<void> | undefined;

  constructor(received: ReceivedMessage, keeper: Keeper, now: number) {
    this.id = received.id;
    this.body = received.body;
    this.attributes = received.attributes;
    if (received.groupId !== undefined) this.groupId = received.groupId;
    this.sentAt = new Date(received.sentAt);
    this.receiveCount = received.receiveCount;
    this.receivedAt = now;
    this.#receipt = received.receipt;
    this.#keeper = keeper;
    this.#extendAt = now + keeper.extendAfterMs;
  }

  ack(): Promise<void> {
    this.#settled ??= this.#keeper.settle(this, () => this.#keeper.settler.remove(this.#receipt));
    return this.#settled;
  }

  return(delaySeconds = 0): Promise<void> {
    this.#settled ??= this.#keeper.settle(this, async () => {
      await this.#extension; // An extension that lands later would undo the return.
      return this.#keeper.settler.setVisibility({ receipt: this.#receipt, seconds: delaySeconds });
    });
    return this.#settled;
  }

  extend(seconds: number): Promise<void> {
    if (this.#settled !== undefined) return this.#settled;
    this.#extension = this.#extend(seconds);
    return this.#extension;
  }

  get settled(): boolean {
    return this.#settled !== undefined;
  }

  isDue(now: number): boolean {
    return this.#extendAt <= now && !this.settled;
  }

  async #extend(seconds: number): Promise<void> {
    const { settler, marginMs, report } = this.#keeper;
    // Until the answer is here no second extension is due, and after it one margin before the visibility ends.
    this.#extendAt = Number.POSITIVE_INFINITY;
    const until = Date.now() + seconds * 1_000;
    const answer = await settler.trySetVisibility({ receipt: this.#receipt, seconds });
    if (answer.ok) {
      this.#extendAt = until - marginMs;
      return;
    }
    if (this.settled) return;
    if (answer.kind === 'retry') this.#extendAt = Date.now() + RETRY_EXTENSION_MS;
    report(new Error(`message ${this.id} was not extended: ${answer.detail}`), this);
  }
}

/** What a lease needs of the whole. */
interface Keeper {
  settler: Settler;
  extendAfterMs: number;
  /** How long before the end of its visibility a message is extended. */
  marginMs: number;
  settle(lease: Lease, work: () => Promise<SettledEntry>): Promise<void>;
  report: (error: Error, message: Message) => void;
}

/** An extension that failed for now is tried again after this: there are some ten tries before the visibility ends. */
const RETRY_EXTENSION_MS = 1_000;

/** Keeps leases: counts them, extends them before they lapse, settles them once. */
export function createLeases(options: LeaseOptions): Leases {
  const { settler, visibilitySeconds, extendAfterSeconds, onError, onSettled } = options;
  const leases = new Set<Lease>();
  let emptied: (() => void)[] = [];

  async function settle(lease: Lease, work: () => Promise<SettledEntry>): Promise<void> {
    try {
      const answer = await work();
      if (!answer.ok) onError(new Error(`message ${lease.id} is lost and will come again: ${answer.detail}`), lease);
    } catch (error) {
      onError(error instanceof Error ? error : new Error(String(error)), lease);
    }
    leases.delete(lease);
    onSettled();
    if (leases.size > 0) return;
    for (const done of emptied.splice(0)) done();
  }

  const keeper: Keeper = {
    settler,
    extendAfterMs: extendAfterSeconds * 1_000,
    marginMs: (visibilitySeconds - extendAfterSeconds) * 1_000,
    settle,
    report: onError,
  };

  function extendDue(): void {
    const now = Date.now();
    for (const lease of leases) if (lease.isDue(now)) void lease.extend(visibilitySeconds);
  }

  // One timer for all: a look at 512 leases takes some 10 µs.
  const timer = setInterval(extendDue, Math.min(1_000, keeper.extendAfterMs / 4));
  timer.unref();

  return {
    admit(received) {
      const lease = new Lease(received, keeper, Date.now());
      leases.add(lease);
      return lease;
    },
    empty: () => (leases.size === 0 ? Promise.resolve() : new Promise((resolve) => emptied.push(resolve))),
    async returnAll() {
      await Promise.all([...leases].map((lease) => lease.return()));
    },
    stop: () => {
      clearInterval(timer);
      emptied = [];
    },
    get size() {
      return leases.size;
    },
  };
}
