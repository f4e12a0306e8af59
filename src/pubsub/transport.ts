import type { OutgoingMessage } from './message.ts';

/*
 * The port between this library and a broker. Publisher and Consumer know nothing else; each adapter passes the same
 * contract tests (test/pubsub/contract.ts).
 */

/**
 * Why one entry of a batch failed: `retry` may work later (throttled, internal error), `rejected` never will, `gone`
 * means that the receipt is no longer good: the message's visibility has lapsed or it was deleted.
 */
export interface EntryFailure {
  ok: false;
  kind: 'retry' | 'rejected' | 'gone';
  detail: string;
}

/** Answer to one published entry; `id` is the broker's. */
export type PublishedEntry = { ok: true; id: string } | EntryFailure;

/** Answer to one deleted entry, or one whose visibility was changed. */
export type SettledEntry = { ok: true } | EntryFailure;

/** A whole call failed: the broker is away or throttles (`retry`), or did not accept the call as such (`rejected`). */
export class TransportError extends Error {
  readonly kind: 'retry' | 'rejected';
  /** The broker's or the system's name for it, such as `ECONNREFUSED` or `AuthorizationError`. */
  readonly code: string;

  constructor(kind: 'retry' | 'rejected', code: string, message: string, cause?: unknown) {
    super(`${code}: ${message}`, { cause });
    this.name = 'TransportError';
    this.kind = kind;
    this.code = code;
  }
}

/** A message as a queue hands it out. */
export interface ReceivedMessage {
  id: string;
  /** Names this receipt, not the message: needed to delete it or to change its visibility. */
  receipt: string;
  body: string;
  attributes: Record<string, string>;
  groupId?: string;
  /** When the broker took it, in epoch milliseconds. */
  sentAt: number;
  /** 1 on its first receipt. */
  receiveCount: number;
}

/** One receive call. */
export interface ReceiveRequest {
  /** 1–10. */
  maxMessages: number;
  /** How long the broker holds the call while the queue is empty, 0–20 s. */
  waitSeconds: number;
  /** How long the messages stay hidden from others, whole seconds. */
  visibilitySeconds: number;
  /** Ends the call at once. The broker may still give it a message, hidden then until its visibility ends: avoid. */
  signal?: AbortSignal;
}

/** Sets when a message is visible again: `seconds` from now (whole, 0–43,200). */
export interface VisibilityChange {
  receipt: string;
  seconds: number;
}

/** Where messages are sent: a topic, or one queue directly. Every call takes 1–10 entries and rejects with TransportError. */
export interface SendTransport {
  /** Answers one entry per message, in order. */
  publishBatch(messages: readonly OutgoingMessage[]): Promise<PublishedEntry[]>;
  /** Drops its connections; calls under way fail. */
  close(): void;
}

/** About how many messages a queue has. */
export interface QueueDepth {
  /** Waiting to be received. */
  waiting: number;
  /** Received and unsettled. */
  inFlight: number;
  /** Not to be received yet, in a queue with a delivery delay. */
  delayed: number;
}

/** A queue: where messages come from. A queue can be sent to as well, past the topic. Rejects with TransportError. */
export interface QueueTransport extends SendTransport {
  /** Answers 0–`maxMessages` messages; empty when `waitSeconds` passed without one. */
  receive(request: ReceiveRequest): Promise<ReceivedMessage[]>;
  /** Deletes received messages; answers one entry per receipt, in order. */
  deleteBatch(receipts: readonly string[]): Promise<SettledEntry[]>;
  /** Answers one entry per change, in order. */
  changeVisibilityBatch(changes: readonly VisibilityChange[]): Promise<SettledEntry[]>;
  depth(): Promise<QueueDepth>;
}
