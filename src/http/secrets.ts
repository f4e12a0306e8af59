import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import { MAX_ACTIVE_SECRETS, type SecretValue, type StoredSecret } from '../store/secrets.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict, validationFailed } from './problem.ts';
import { iso, isoOrNull, nullable, PublicId, problems, ref, Time } from './schemas.ts';
import { newSecret, parseSecret, SECRET_RULE, showSecret } from './secret-text.ts';
import { SecretText, secretFields } from './subscription-schemas.ts';
import { noSubscription, ownedId, SubscriptionPath } from './subscriptions.ts';

const Algorithm = Type.Enum(['hmac-sha256', 'ed25519'], {
  description: 'HMAC-SHA256 (`v1`) or Ed25519 (`v1a`) of Standard Webhooks',
});

/** A secret, as shown to those who verify with it. */
export const Secret = Type.Object(
  {
    id: PublicId('sec', 'secret'),
    algorithm: Algorithm,
    ...secretFields,
    createdAt: Time('When it was created'),
    expiresAt: nullable(Time('Signs no longer from then on; null: until it is rotated')),
  },
  { $id: 'Secret', description: 'What a subscription’s attempts are signed with' },
);

const DAY_SECONDS = 86_400;

const Rotation = Type.Object(
  {
    secret: Type.Optional(SecretText),
    algorithm: Type.Optional(Algorithm),
    overlapSeconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 7 * DAY_SECONDS,
        default: DAY_SECONDS,
        description: 'How long the older secrets sign as well, so that receivers can change over; 0: no longer at all',
      }),
    ),
  },
  { additionalProperties: false },
);

const tags = ['Subscriptions'];
const COLLECTION = '/v1/partners/:partnerId/subscriptions/:subscriptionId/secrets';

/** /v1/partners/{p}/subscriptions/{s}/secrets. */
export function secretRoutes(app: App, { secrets }: Pick<ServerDeps, 'secrets'>): void {
  app.get(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listSecrets',
      summary: 'List a subscription’s secrets',
      description: 'Those that sign at the moment, newest first.',
      params: SubscriptionPath,
      response: {
        200: Type.Object(
          { data: Type.Array(ref(Secret)), nextCursor: Type.Null() },
          { description: 'At most five, on one page' },
        ),
        ...problems(403, 404),
      },
    },
    handler: async ({ params }) => {
      const list = await secrets.list(ownedId(params));
      if (!list) throw noSubscription(params);
      return { data: list.map(show), nextCursor: null };
    },
  });

  app.post(`${COLLECTION}/rotate`, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'rotateSecret',
      summary: 'Rotate a subscription’s secret',
      description: 'Adds a secret, yours or a new one. The older ones sign as well until `overlapSeconds` are over.',
      params: SubscriptionPath,
      body: Rotation,
      response: { 201: ref(Secret), ...problems(400, 403, 404, 409, 415, 422) },
    },
    preValidation: async (request) => {
      request.body ??= {}; // every member has a default, so the body may be left out
    },
    handler: async (request, reply) => {
      const { params, body } = request;
      const { overlapSeconds = DAY_SECONDS } = body;
      const rotated = await secrets.rotate(ownedId(params), readSecret(body), overlapSeconds, actorOf(request));
      if (rotated === 'not_found') throw noSubscription(params);
      if (rotated === 'too_many_secrets') {
        const detail = `${MAX_ACTIVE_SECRETS} secrets sign already: wait until one expires, or rotate with overlapSeconds 0`;
        throw conflict('too_many_secrets', detail);
      }
      return reply.code(201).send(show(rotated));
    },
  });
}

function readSecret({ secret, algorithm }: Static<typeof Rotation>): SecretValue {
  if (secret === undefined) return newSecret(algorithm ?? 'hmac-sha256');
  const value = parseSecret(secret);
  if (!value) throw validationFailed([{ path: '/secret', message: SECRET_RULE }]);
  if (algorithm && algorithm !== value.algorithm) {
    throw validationFailed([{ path: '/algorithm', message: `is not that of the secret, ${value.algorithm}` }]);
  }
  return value;
}

const show = (row: StoredSecret): Static<typeof Secret> => ({
  id: publicId('sec', row.id),
  algorithm: row.algorithm,
  ...showSecret(row),
  createdAt: iso(row.createdAt),
  expiresAt: isoOrNull(row.expiresAt),
});
