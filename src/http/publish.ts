import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import type { Accept, Accepted, AcceptProblem, Idempotency, NewEvent } from '../pipeline/accept.ts';
import type { Principal } from './authentication.ts';
import { forbidden, HttpProblem, validationFailed } from './problem.ts';
import { EventTypeText, PartnerIdText, PublicId, Time } from './schemas.ts';

/** What publishing one event takes. */
export const newEventSchema = (lanes: readonly string[]) =>
  Type.Object(
    {
      partnerId: PartnerIdText,
      type: EventTypeText,
      data: Type.Unknown({
        description: 'Any JSON value; delivered byte for byte as it is written here',
        examples: [{ orderId: 1042, total: '19.90' }],
      }),
      timestamp: Type.Optional(Time('When it happened; left out: now')),
      lane: Type.Optional(
        Type.Enum([...lanes], { description: 'A separate queue for a class of traffic', default: 'live' }),
      ),
    },
    { additionalProperties: false, description: 'Something that happened, for one partner' },
  );

/** A body that {@link newEventSchema} has found valid. */
export type EventBody = Static<ReturnType<typeof newEventSchema>>;

/** What was accepted. */
export const AcceptedEvent = Type.Object(
  {
    id: PublicId('evt', 'event; the `webhook-id` of its deliveries'),
    partnerId: PartnerIdText,
    type: EventTypeText,
    timestamp: Time('When it happened'),
  },
  { $id: 'AcceptedEvent', description: 'Accepted: it will be delivered, or be on record' },
);

/**
 * @param data the JSON text of the body's `data`, cut from the request as it came
 * @param traceparent the request's header, if it has one
 */
export function toNewEvent(body: EventBody, data: string, traceparent: string | string[] | undefined): NewEvent {
  const { partnerId, type, timestamp, lane = 'live' } = body;
  const traced = typeof traceparent === 'string' && TRACEPARENT.test(traceparent);
  return { partnerId, type, data, lane, ...(timestamp && { timestamp }), ...(traced && { traceparent }) };
}

/** W3C Trace Context, level 1; what does not look like it is ignored, as the standard asks. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** Publishes as `principal`; what cannot be accepted is returned as a problem. */
export async function publish(
  accept: Accept,
  principal: Principal | null,
  event: NewEvent,
  idempotency: Idempotency | undefined,
): Promise<Static<typeof AcceptedEvent> | HttpProblem> {
  const bound = principal?.partnerId ?? null;
  if (bound !== null && bound !== event.partnerId) return forbidden(`this key may publish for partner ${bound} only`);
  const accepted = await accept(event, idempotency);
  if (!accepted.ok) return acceptProblem(accepted);
  const { id, partnerId, type, timestamp } = accepted.event;
  return { id: publicId('evt', id), partnerId, type, timestamp };
}

/** Seconds are those of `Retry-After`. */
const STATUSES: Readonly<Record<AcceptProblem, { readonly status: number; readonly retryAfter?: string }>> = {
  unknown_partner: { status: 404 },
  reserved_event_type: { status: 422 },
  too_large: { status: 413 },
  invalid_characters: { status: 422 },
  idempotency_key_reused: { status: 422 },
  overloaded: { status: 503, retryAfter: '1' },
  unavailable: { status: 503, retryAfter: '5' },
};

function acceptProblem({ problem, detail }: Extract<Accepted, { ok: false }>): HttpProblem {
  const { status, retryAfter } = STATUSES[problem];
  return new HttpProblem(status, problem, detail, { headers: retryAfter ? { 'retry-after': retryAfter } : {} });
}

/** The header that makes repeating a request safe (draft-ietf-httpapi-idempotency-key-header). */
export const IdempotencyHeader = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      description:
        'Repeating a request with the same key and body gives the same event ids, and no second delivery. ' +
        '1–255 printable ASCII characters; kept for 24 hours at least',
      examples: ['order-1042-created'],
    }),
  ),
});

/** The request's key, or undefined. Throws when it is not one. */
export function idempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x20-\x7e]{1,255}$/.test(header)) return header;
  throw validationFailed([{ path: 'Idempotency-Key', message: 'must be 1–255 printable ASCII characters' }]);
}
