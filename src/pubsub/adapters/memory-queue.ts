import type { OutgoingMessage } from '../message.ts';
import type {
  EntryFailure,
  QueueDepth,
  ReceivedMessage,
  ReceiveRequest,
  SettledEntry,
  VisibilityChange,
} from '../transport.ts';

interface Stored {
  id: string;
  message: OutgoingMessage;
  sentAt: number;
  receiveCount: number;
}

interface Hidden {
  stored: Stored;
  until: number;
}

interface Waiter {
  wake: () => void;
}

/** Settings of one in-process queue. */
export interface MemoryQueueOptions {
  /** Epoch milliseconds. Default Date.now. */
  now?: () => number;
  /** Seconds a new message stays hidden. Default 0. */
  delaySeconds?: number;
  /** Where a message goes instead of a receive beyond `maxReceiveCount`. */
  deadLetters?: { queue: MemoryQueue; maxReceiveCount: number };
}

const GONE: EntryFailure = { ok: false, kind: 'gone', detail: 'ReceiptHandleIsInvalid: no such receipt' };

/** One queue with the semantics of SQS: receipts, visibility, receive counts, dead letters, long polls. */
export class MemoryQueue {
  readonly #now: () => number;
  readonly #delayMs: number;
  readonly #deadLetters: MemoryQueueOptions['deadLetters'];
  readonly #visible: Stored[] = [];
  /** By receipt; a delayed message waits under a receipt that nobody knows. */
  readonly #hidden = new Map<string, Hidden>();
  readonly #waiters = new Set<Waiter>();
  #receipts = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MemoryQueueOptions = {}) {
    this.#now = options.now ?? Date.now;
    this.#delayMs = (options.delaySeconds ?? 0) * 1_000;
    this.#deadLetters = options.deadLetters;
  }

  send(message: OutgoingMessage): string {
    const stored: Stored = { id: crypto.randomUUID(), message, sentAt: this.#now(), receiveCount: 0 };
    this.#put(stored);
    return stored.id;
  }

  #put(stored: Stored): void {
    if (this.#delayMs > 0) this.#hide(stored, this.#delayMs);
    else this.#show(stored);
  }

  async receive(request: ReceiveRequest): Promise<ReceivedMessage[]> {
    const ready = this.#take(request);
    if (ready.length > 0 || request.waitSeconds <= 0) return ready;
    await this.#wait(request.waitSeconds * 1_000, request.signal);
    return request.signal?.aborted ? [] : this.#take(request);
  }

  delete(receipt: string): SettledEntry {
    this.#surface();
    return this.#hidden.delete(receipt) ? { ok: true } : GONE;
  }

  changeVisibility({ receipt, seconds }: VisibilityChange): SettledEntry {
    this.#surface();
    const hidden = this.#hidden.get(receipt);
    if (hidden === undefined) return GONE;
    if (seconds === 0) {
      this.#hidden.delete(receipt);
      this.#show(hidden.stored);
    } else {
      hidden.until = this.#now() + seconds * 1_000;
      this.#arm();
    }
    return { ok: true };
  }

  depth(): QueueDepth {
    this.#surface();
    return { waiting: this.#visible.length, inFlight: this.#hidden.size, delayed: 0 };
  }

  /** Ends every long poll, empty-handed. */
  close(): void {
    for (const waiter of [...this.#waiters]) waiter.wake();
  }

  #take({ maxMessages, visibilitySeconds }: ReceiveRequest): ReceivedMessage[] {
    this.#surface();
    const taken: ReceivedMessage[] = [];
    while (taken.length < maxMessages) {
      const stored = this.#visible.shift();
      if (stored === undefined) break;
      stored.receiveCount++;
      const dead = this.#deadLetters;
      if (dead !== undefined && stored.receiveCount > dead.maxReceiveCount) dead.queue.#put(stored);
      else taken.push(toReceived(stored, this.#hide(stored, visibilitySeconds * 1_000)));
    }
    return taken;
  }

  #hide(stored: Stored, forMs: number): string {
    const receipt = `receipt-${++this.#receipts}`;
    this.#hidden.set(receipt, { stored, until: this.#now() + forMs });
    if (this.#waiters.size > 0) this.#arm();
    return receipt;
  }

  #show(stored: Stored): void {
    this.#visible.push(stored);
    const [first] = this.#waiters;
    first?.wake();
  }

  /** Brings back what is hidden no longer. */
  #surface(): void {
    const now = this.#now();
    for (const [receipt, hidden] of this.#hidden) {
      if (hidden.until > now) continue;
      this.#hidden.delete(receipt);
      this.#show(hidden.stored);
    }
  }

  #wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timeout);
        signal?.removeEventListener('abort', wake);
        this.#waiters.delete(waiter);
        if (this.#waiters.size === 0) clearTimeout(this.#timer);
        resolve();
      };
      const waiter = { wake };
      const timeout = setTimeout(wake, ms);
      this.#waiters.add(waiter);
      if (signal?.aborted) wake();
      else signal?.addEventListener('abort', wake);
      this.#arm();
    });
  }

  /** A timer for the next message to surface, kept only while somebody is waiting for one. */
  #arm(): void {
    clearTimeout(this.#timer);
    if (this.#waiters.size === 0 || this.#hidden.size === 0) return;
    let next = Number.POSITIVE_INFINITY;
    for (const { until } of this.#hidden.values()) next = Math.min(next, until);
    this.#timer = setTimeout(
      () => {
        this.#surface();
        this.#arm();
      },
      Math.max(1, next - this.#now()),
    );
  }
}

function toReceived(stored: Stored, receipt: string): ReceivedMessage {
  const { body, groupId, attributes } = stored.message;
  const { id, sentAt, receiveCount } = stored;
  return { id, receipt, body, groupId, attributes: { ...attributes }, sentAt, receiveCount };
}
