import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import { REDACTED, redactHeaders } from '../domain/own-header.ts';
import { EVENT_TYPE_PATTERN } from '../domain/subscription.ts';
import type { StoredSubscription } from '../store/subscriptions.ts';
import { iso, Metadata, nullable, PartnerIdText, PublicId, Time } from './schemas.ts';

const Url = Type.String({ description: 'Where webhooks are sent', examples: ['https://example.com/webhooks'] });

const UrlOrNull = nullable(
  Type.String({
    description: 'Where webhooks are sent; null: nowhere, its events are polled',
    examples: ['https://example.com/webhooks'],
  }),
);

const EventTypes = Type.Array(
  Type.String({
    pattern: EVENT_TYPE_PATTERN.source,
    examples: ['order.*'],
  }),
  {
    minItems: 1,
    maxItems: 100,
    description:
      '`*`, event types, or prefixes such as `order.*`, which covers `order.created` and `order.item.added`. ' +
      'Postrider’s own events (`delivery.exhausted`, `subscription.*` …) come to those who ask for them, not by `*`',
    examples: [['order.*', 'invoice.paid']],
  },
);

const Headers = Type.Unsafe<Record<string, string>>({
  type: 'object',
  maxProperties: 20,
  additionalProperties: { type: 'string', maxLength: 1024 },
  description:
    'Sent with every attempt; encrypted at rest. Those that HTTP or Postrider set themselves are refused. Values of names ' +
    `that tell of a credential are shown as ${REDACTED}; sent back like that, they stay as they are`,
  examples: [{ authorization: 'Basic Zm9vOmJhcg==' }],
});

const Description = nullable(Type.String({ maxLength: 500, description: 'For people', examples: ['Production'] }));

const RateLimit = nullable(
  Type.Integer({ minimum: 1, maximum: 1000, description: 'Requests per second, over all workers; null: no limit' }),
);

const TimeoutSeconds = nullable(
  Type.Integer({ minimum: 1, maximum: 30, description: 'For a whole attempt; null: the service’s default' }),
);

const Enabled = Type.Boolean({ description: 'False: events pass it by, which is kept on the event', default: true });

const Ordered = Type.Boolean({
  description:
    'True: one delivery at a time, in the order of acceptance; a failing one is retried before the next is sent. Cancel it to skip it',
  default: false,
});

const FILTER_TEXT = {
  description:
    'Which events of these types are wanted, in the grammar of Amazon SNS filter policies on the message body. ' +
    'The body is the webhook’s, so keys are `type`, `timestamp` and `data`. Null: all of them',
  examples: [{ data: { order: { total: [{ numeric: ['>', 100] }] } } }],
};

/** A filter as somebody gives it: compiling it finds its faults, so the schema takes anything. */
export const FilterGiven = Type.Unsafe<Record<string, unknown> | null>(FILTER_TEXT);

const FilterShown = Type.Unsafe<Record<string, unknown> | null>({
  ...FILTER_TEXT,
  type: ['object', 'null'],
  additionalProperties: true,
});

const SECRET_EXAMPLE = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo=';

/** A secret somebody brings. */
export const SecretText = Type.String({
  maxLength: 200,
  description:
    'Your own secret: `whsec_` and the base64 of 24–64 bytes (HMAC-SHA256), or `whsk_` and the base64 of an Ed25519 seed',
  examples: [SECRET_EXAMPLE],
});

const settings = {
  description: Type.Optional(Description),
  headers: Type.Optional(Headers),
  timeoutSeconds: Type.Optional(TimeoutSeconds),
  enabled: Type.Optional(Enabled),
  ordered: Type.Optional(Ordered),
  filter: Type.Optional(FilterGiven),
  rateLimit: Type.Optional(RateLimit),
  metadata: Type.Optional(Metadata),
};

/** The body that creates. */
export const NewSubscription = Type.Object(
  { url: UrlOrNull, eventTypes: EventTypes, ...settings, secret: Type.Optional(SecretText) },
  { additionalProperties: false },
);

/** The body that changes. */
export const SubscriptionChange = Type.Object(
  { url: Type.Optional(Url), eventTypes: Type.Optional(EventTypes), ...settings },
  { additionalProperties: false },
);

const shown = {
  id: PublicId('sub', 'subscription'),
  partnerId: PartnerIdText,
  url: UrlOrNull,
  eventTypes: EventTypes,
  description: Description,
  headers: Headers,
  timeoutSeconds: TimeoutSeconds,
  enabled: Enabled,
  ordered: Ordered,
  rateLimit: RateLimit,
  disabledReason: nullable(
    Type.String({ description: 'Why Postrider disabled it; null when it is enabled, or a person disabled it' }),
  ),
  breaker: Type.Object(
    {
      state: Type.Enum(['closed', 'open', 'half_open'], {
        description: 'Open: nothing is sent but a probe now and then. Half-open: a probe is under way',
      }),
      since: nullable(Time('Since when it is not closed')),
      nextProbeAt: nullable(Time('Open: when the next probe may go')),
    },
    { description: 'Opens after 10 failures in a row, or when the receiver asks for a pause (429, 503)' },
  ),
  failingSince: nullable(Time('Nothing has succeeded since; null: the last we know is a success')),
  filter: FilterShown,
  metadata: Metadata,
  createdAt: Time('When it was created'),
  updatedAt: Time('When it was last changed'),
};

/** A subscription, as shown: everything but its secrets. */
export const Subscription = Type.Object(shown, { $id: 'Subscription', description: 'A partner’s wish to receive' });

/** Where receivers find what to verify with. */
export const secretFields = {
  secret: nullable(Type.String({ description: 'HMAC-SHA256: the shared secret', examples: [SECRET_EXAMPLE] })),
  publicKey: nullable(Type.String({ description: 'Ed25519: the public key, `whpk_…`' })),
};

/** The answer to creating: with the secret. */
export const CreatedSubscription = Type.Object(
  { ...shown, ...secretFields },
  { $id: 'CreatedSubscription', description: 'A new subscription, with what the receiver verifies with' },
);

/** A subscription for the answer. */
export const showSubscription = (row: StoredSubscription): Static<typeof Subscription> => ({
  id: publicId('sub', row.id),
  partnerId: row.partnerId,
  url: row.url,
  eventTypes: [...row.eventTypes],
  description: row.description,
  headers: redactHeaders(row.headers),
  timeoutSeconds: row.timeoutSeconds,
  enabled: row.enabled,
  ordered: row.ordered,
  rateLimit: row.rateLimit,
  disabledReason: row.disabledReason,
  breaker: showBreaker(row.health),
  failingSince: row.health?.failingSince ? iso(row.health.failingSince) : null,
  filter: row.filter,
  metadata: { ...row.metadata },
  createdAt: iso(row.createdAt),
  updatedAt: iso(row.updatedAt),
});

function showBreaker(health: StoredSubscription['health']): Static<typeof Subscription>['breaker'] {
  if (!health || health.breaker === 'closed') return { state: 'closed', since: null, nextProbeAt: null };
  const { breaker, since, notBefore } = health;
  return { state: breaker, since: iso(since), nextProbeAt: breaker === 'open' && notBefore ? iso(notBefore) : null };
}
