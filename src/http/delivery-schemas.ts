import Type, { type Static } from 'typebox';
import { publicId, timeOfId } from '../domain/ids.ts';
import type { StoredAttempt, StoredDelivery } from '../store/deliveries.ts';
import { EventTypeText, iso, isoOrNull, nullable, PartnerIdText, PublicId, ref, Time } from './schemas.ts';

/** The states of a delivery, in the order of its life. */
const DELIVERY_STATES = ['pending', 'succeeded', 'exhausted', 'canceled'] as const;

export const DeliveryStateText = Type.Enum([...DELIVERY_STATES], {
  description: '`pending` has a `nextAttemptAt`; `exhausted`: the last attempt of the schedule failed',
});

const Ms = (description: string) => nullable(Type.Number({ description: `${description}, in milliseconds` }));

const HeaderMap = (description: string) =>
  Type.Unsafe<Record<string, string>>({ type: 'object', additionalProperties: { type: 'string' }, description });

const AttemptRequest = Type.Object({
  url: Type.String({ examples: ['https://example.com/webhooks'] }),
  headers: HeaderMap('The values of the subscription’s own headers are not kept'),
});

const AttemptResponse = Type.Unsafe<{
  statusCode: number;
  headers: Record<string, string>;
  body: string;
  bodyTruncated: boolean;
} | null>({
  type: ['object', 'null'],
  description: 'Null when no answer came',
  required: ['statusCode', 'headers', 'body', 'bodyTruncated'],
  properties: {
    statusCode: { type: 'integer', examples: [503] },
    headers: { type: 'object', additionalProperties: { type: 'string' } },
    body: { type: 'string', description: 'The first 16 KiB' },
    bodyTruncated: { type: 'boolean' },
  },
});

/** One HTTP request and what came of it. */
export const Attempt = Type.Object(
  {
    number: Type.Integer({ description: 'From 1' }),
    trigger: Type.Enum(['automatic', 'manual', 'recovery', 'test'], { description: 'Who asked for it' }),
    startedAt: Time('When it started'),
    durationMs: Type.Number({ description: 'The whole exchange, in milliseconds', examples: [118.4] }),
    outcome: Type.Enum(
      ['succeeded', 'http_error', 'timeout', 'connection_failed', 'dns_failed', 'tls_failed', 'blocked_address'],
      { description: 'Only an answer 2xx is `succeeded`; any other answer is `http_error`' },
    ),
    error: nullable(Type.String({ description: 'What went wrong, for people', examples: ['the answer was 503'] })),
    timing: Type.Object({
      dnsMs: Ms('Looking the name up'),
      connectMs: Ms('Connecting'),
      tlsMs: Ms('TLS handshake'),
      firstByteMs: Ms('Until the first byte of the answer'),
      reusedConnection: Type.Boolean({ description: 'On an open connection: no DNS, connecting or TLS' }),
    }),
    request: AttemptRequest,
    response: AttemptResponse,
  },
  { $id: 'Attempt', description: 'One HTTP request and what came of it' },
);

const shown = {
  id: PublicId('dlv', 'delivery'),
  partnerId: PartnerIdText,
  subscriptionId: PublicId('sub', 'subscription'),
  eventId: PublicId('evt', 'event'),
  eventType: EventTypeText,
  state: DeliveryStateText,
  attemptCount: Type.Integer({ description: 'Attempts made so far' }),
  createdAt: Time('When its event was accepted'),
  nextAttemptAt: nullable(Time('When the next attempt is due; null when there is none')),
  finishedAt: nullable(Time('When it left `pending`')),
  lastAttempt: Type.Union([ref(Attempt), Type.Null()]),
};

/** One event for one subscription. */
export const Delivery = Type.Object(shown, { $id: 'Delivery', description: 'One event for one subscription' });

/** The same, with all its attempts. */
export const DeliveryWithAttempts = Type.Object(
  { ...shown, attempts: Type.Array(ref(Attempt), { description: 'First to last' }) },
  { $id: 'DeliveryWithAttempts', description: 'A delivery and all its attempts' },
);

/** A delivery for the answer. */
export const showDelivery = (row: StoredDelivery): Static<typeof Delivery> => ({
  id: publicId('dlv', row.id),
  partnerId: row.partnerId,
  subscriptionId: publicId('sub', row.subscriptionId),
  eventId: publicId('evt', row.eventId),
  eventType: row.eventType,
  state: row.state,
  attemptCount: row.attemptCount,
  createdAt: iso(timeOfId(row.id)),
  nextAttemptAt: isoOrNull(row.nextAttemptAt),
  finishedAt: isoOrNull(row.finishedAt),
  lastAttempt: row.lastAttempt && showAttempt(row.lastAttempt, row),
});

type Owner = Pick<StoredDelivery, 'id' | 'eventId'>;

/** An attempt for the answer; the headers that every attempt has are made again from what they say. */
export const showAttempt = (row: StoredAttempt, delivery: Owner): Static<typeof Attempt> => ({
  number: row.number,
  trigger: row.trigger,
  startedAt: iso(row.startedAt),
  durationMs: row.durationMs,
  outcome: row.outcome,
  error: row.error,
  timing: {
    dnsMs: row.dnsMs,
    connectMs: row.connectMs,
    tlsMs: row.tlsMs,
    firstByteMs: row.firstByteMs,
    reusedConnection: row.reused,
  },
  request: { url: row.url, headers: requestHeaders(row, delivery) },
  response: response(row),
});

function requestHeaders(row: StoredAttempt, delivery: Owner): Record<string, string> {
  return {
    ...Object.fromEntries((row.ownHeaders ?? []).map((name) => [name, '(not kept)'])),
    'content-type': 'application/json',
    'webhook-id': publicId('evt', delivery.eventId),
    'webhook-timestamp': String(Math.floor(row.startedAt.getTime() / 1000)),
    'webhook-signature': row.signature,
    'postrider-delivery': publicId('dlv', delivery.id),
    'postrider-attempt': String(row.number),
  };
}

const response = ({ statusCode, responseHeaders, responseBody, bodyTruncated }: StoredAttempt) =>
  statusCode === null ? null : { statusCode, headers: { ...responseHeaders }, body: responseBody ?? '', bodyTruncated };
