import { hash } from 'node:crypto';
import type { Event } from '../domain/event.ts';
import { createGrowingIds, timeOfId } from '../domain/ids.ts';
import { isOperational } from '../domain/operational.ts';

/** What a producer asks to have delivered. */
export interface NewEvent {
  readonly partnerId: string;
  readonly type: string;
  /** JSON text, carried byte for byte. */
  readonly data: string;
  /** ISO 8601; left out: the time of acceptance. */
  readonly timestamp?: string;
  readonly lane: string;
  /** W3C Trace Context of the request; travels with the message. */
  readonly traceparent?: string;
}

export type AcceptProblem =
  | 'unknown_partner'
  | 'reserved_event_type'
  | 'too_large'
  | 'invalid_characters'
  | 'idempotency_key_reused'
  | 'overloaded'
  | 'unavailable';

export type Accepted =
  | { readonly ok: true; readonly event: Event }
  | { readonly ok: false; readonly problem: AcceptProblem; readonly detail: string };

/** `entry` is the position in a batch, from 1; 0 for a single event. */
export interface Idempotency {
  readonly key: string;
  readonly entry: number;
}

/** Takes an event; answers `ok` only after the transport has acknowledged it. */
export type Accept = (event: NewEvent, idempotency?: Idempotency) => Promise<Accepted>;

/** What a publish came to; the problems that concern a producer carry their own name. */
export type Published =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: AcceptProblem; readonly detail: string };

/** A claimed key: a new one, the event it stood for before, or somebody else's body under the same key. */
export type Claim =
  | { readonly kind: 'claimed'; readonly eventId: string }
  | { readonly kind: 'repeated'; readonly eventId: string; readonly published: boolean }
  | { readonly kind: 'reused' };

export interface ClaimRequest extends Idempotency {
  readonly partnerId: string;
  readonly bodyHash: Buffer;
  /** The event's id if the key is new. */
  readonly eventId: string;
}

/** What accepting needs from outside. Each may throw when its service is away; that is answered as `unavailable`. */
export interface AcceptPorts {
  /** False only when it is certain that there is no such partner; while the database is away, dispatch judges. */
  partnerExists(partnerId: string): Promise<boolean>;
  publish(event: Event, via: Pick<NewEvent, 'lane' | 'traceparent'>): Promise<Published>;
  claimKey(request: ClaimRequest): Promise<Claim>;
  markPublished(request: Pick<ClaimRequest, 'partnerId' | 'key' | 'entry'>): Promise<void>;
}

/** Builds the front door. */
export function createAccept(ports: AcceptPorts, newId: () => string = createGrowingIds()): Accept {
  return async (input, idempotency) => {
    if (isOperational(input.type)) return refuse('reserved_event_type', `only Postrider publishes ${input.type}`);
    if (!(await ports.partnerExists(input.partnerId))) {
      return refuse('unknown_partner', `there is no partner ${input.partnerId}: create it with POST /v1/partners`);
    }
    if (!idempotency) return publishNew(ports, input, newId());
    return publishOnce(ports, input, idempotency, newId());
  };
}

async function publishNew(ports: AcceptPorts, input: NewEvent, id: string): Promise<Accepted> {
  const event = toEvent(input, id);
  const published = await ports.publish(event, input);
  return published.ok ? { ok: true, event } : published;
}

/** Dies between claim and publish: the repeated request publishes. Dies after publish: it publishes again, and persist knows the id. */
async function publishOnce(
  ports: AcceptPorts,
  input: NewEvent,
  idempotency: Idempotency,
  eventId: string,
): Promise<Accepted> {
  const request = { ...idempotency, partnerId: input.partnerId, bodyHash: bodyHash(input), eventId };
  const claim = await claimKey(ports, request);
  if (claim === 'unavailable') return refuse('unavailable', 'idempotency keys cannot be checked right now: try again');
  if (claim.kind === 'reused') {
    return refuse('idempotency_key_reused', 'this Idempotency-Key was used with another body: use a new key');
  }
  const event = toEvent(input, claim.eventId);
  if (claim.kind === 'repeated' && claim.published) return { ok: true, event };
  const published = await ports.publish(event, input);
  if (!published.ok) return published;
  await ports.markPublished(request).catch(() => undefined); // at worst the event is published again
  return { ok: true, event };
}

async function claimKey(ports: AcceptPorts, request: ClaimRequest): Promise<Claim | 'unavailable'> {
  try {
    return await ports.claimKey(request);
  } catch {
    return 'unavailable';
  }
}

const refuse = (problem: AcceptProblem, detail: string): Accepted => ({ ok: false, problem, detail });

function toEvent({ partnerId, type, timestamp, data }: NewEvent, id: string): Event {
  return { id, partnerId, type, timestamp: timestamp ?? timeOfId(id).toISOString(), data };
}

function bodyHash({ type, timestamp, lane, data }: NewEvent): Buffer {
  return hash('sha256', JSON.stringify([type, timestamp ?? null, lane, data]), 'buffer');
}
