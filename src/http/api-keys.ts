import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import type { ApiKey as StoredKey, NewApiKey as StoredNewKey } from '../store/api-keys.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { PartnerPath } from './partners.ts';
import { HttpProblem, notFound, validationFailed } from './problem.ts';
import {
  iso,
  isoOrNull,
  Nothing,
  nullable,
  PartnerIdText,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  ref,
  requireId,
  showPage,
  Time,
} from './schemas.ts';

const Name = Type.String({ minLength: 1, maxLength: 200, description: 'For people', examples: ['order service'] });
const Scope = Type.Enum(['admin', 'publish', 'partner'], {
  description: '`admin`: everything; `publish`: publish events; `partner`: one partner’s resources',
});
const Expiry = nullable(Time('The key works no longer from then on; null: until it is revoked'));

const shown = {
  id: PublicId('key', 'API key'),
  name: Name,
  scope: Scope,
  partnerId: nullable(PartnerIdText),
  hint: Type.String({ description: 'The last four characters', examples: ['x9Zk'] }),
  createdAt: Time('When it was created'),
  expiresAt: Expiry,
  lastUsedAt: nullable(Time('The minute of its last use, as far as it is written yet; null: never used')),
};

/** An API key, as shown: without the key. */
export const ApiKey = Type.Object(shown, { $id: 'ApiKey', description: 'An API key' });

/** The answer to creating: with the key. */
export const CreatedApiKey = Type.Object(
  { ...shown, key: Type.String({ description: 'Shown here and never again', examples: ['postrider_…'] }) },
  { $id: 'CreatedApiKey', description: 'A new API key' },
);

const NewPartnerKey = Type.Object({ name: Name, expiresAt: Type.Optional(Expiry) }, { additionalProperties: false });

const NewKey = Type.Object(
  {
    ...NewPartnerKey.properties,
    scope: Scope,
    partnerId: Type.Optional(
      nullable({
        ...PartnerIdText,
        description: '`partner`: whose; `publish`: the only one to publish for; `admin`: none',
      }),
    ),
  },
  { additionalProperties: false },
);

const tags = ['API keys'];
const listQuery = Type.Object(pageQuery, { additionalProperties: false });
const KeyPath = Type.Object({ keyId: PublicId('key', 'API key') });
const PartnerKeyPath = Type.Object({ ...PartnerPath.properties, ...KeyPath.properties });

type Deps = Pick<ServerDeps, 'apiKeys'>;

/** /v1/api-keys: keys of every scope, for operators. */
export function apiKeyRoutes(app: App, { apiKeys }: Deps): void {
  const config = { access: 'admin' } as const;
  app.post('/v1/api-keys', {
    config,
    schema: {
      tags,
      operationId: 'createApiKey',
      summary: 'Create an API key',
      body: NewKey,
      response: { 201: ref(CreatedApiKey), ...problems(400, 403, 404, 415, 422) },
    },
    handler: async (request, reply) => {
      const { name, scope, partnerId = null, expiresAt } = request.body;
      if (scope === 'partner' && partnerId === null) throw fault('/partnerId', 'is required for scope partner');
      if (scope === 'admin' && partnerId !== null) throw fault('/partnerId', 'must be left out for scope admin');
      const key = { name, scope, partnerId, expiresAt: readExpiry(expiresAt) };
      return reply.code(201).send(await create(apiKeys, key, actorOf(request)));
    },
  });

  app.get('/v1/api-keys', {
    config,
    schema: {
      tags,
      operationId: 'listApiKeys',
      summary: 'List API keys',
      querystring: listQuery,
      response: { 200: pageOf(ApiKey, 'Newest first, without those revoked'), ...problems(400, 403, 422) },
    },
    handler: async ({ query }) => showPage(await apiKeys.list(null, pageRequest('apiKeys', query)), show),
  });

  app.delete('/v1/api-keys/:keyId', {
    config,
    schema: {
      tags,
      operationId: 'revokeApiKey',
      summary: 'Revoke an API key',
      params: KeyPath,
      response: { 204: Nothing, ...problems(403, 404) },
    },
    handler: async (request, reply) => {
      await revoke(apiKeys, { ...request.params, partnerId: null }, actorOf(request));
      return reply.code(204).send(null);
    },
  });
}

/** /v1/partners/{p}/api-keys: a partner's own keys. */
export function partnerApiKeyRoutes(app: App, { apiKeys }: Deps): void {
  const config = { access: 'partner' } as const;
  app.post('/v1/partners/:partnerId/api-keys', {
    config,
    schema: {
      tags,
      operationId: 'createPartnerApiKey',
      summary: 'Create a key for a partner’s own resources',
      description: 'A partner key makes none that outlives it: left out, `expiresAt` is its own.',
      params: PartnerPath,
      body: NewPartnerKey,
      response: { 201: ref(CreatedApiKey), ...problems(400, 403, 404, 415, 422) },
    },
    handler: async (request, reply) => {
      const { partnerId } = request.params;
      const { name, expiresAt } = request.body;
      const key = { name, scope: 'partner', partnerId, expiresAt: expiryWithin(request, expiresAt) } as const;
      return reply.code(201).send(await create(apiKeys, key, actorOf(request)));
    },
  });

  app.get('/v1/partners/:partnerId/api-keys', {
    config,
    schema: {
      tags,
      operationId: 'listPartnerApiKeys',
      summary: 'List a partner’s keys',
      params: PartnerPath,
      querystring: listQuery,
      response: { 200: pageOf(ApiKey, 'Newest first, without those revoked'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params: { partnerId }, query }) =>
      showPage(await apiKeys.list(partnerId, pageRequest('apiKeys', query)), show),
  });

  app.delete('/v1/partners/:partnerId/api-keys/:keyId', {
    config,
    schema: {
      tags,
      operationId: 'revokePartnerApiKey',
      summary: 'Revoke a partner’s key',
      params: PartnerKeyPath,
      response: { 204: Nothing, ...problems(403, 404) },
    },
    handler: async (request, reply) => {
      await revoke(apiKeys, request.params, actorOf(request));
      return reply.code(204).send(null);
    },
  });
}

const fault = (path: string, message: string) => validationFailed([{ path, message }]);

function readExpiry(text: string | null | undefined): Date | null {
  const time = text == null ? null : new Date(text);
  if (time && time.getTime() <= Date.now()) throw fault('/expiresAt', 'must be in the future');
  return time;
}

/** A partner's key makes none that outlives it. Operators' keys make keys for others, and may be changed more often than those. */
function expiryWithin({ principal }: Pick<FastifyRequest, 'principal'>, text: string | null | undefined): Date | null {
  const last = principal?.scope === 'partner' ? principal.expiresAt : null;
  if (last === null) return readExpiry(text);
  const time = text === undefined ? last : readExpiry(text);
  if (time && time <= last) return time;
  throw fault('/expiresAt', `must not be later than ${iso(last)}, when the key that asks expires`);
}

async function create(apiKeys: Deps['apiKeys'], given: StoredNewKey, by: Actor): Promise<Static<typeof CreatedApiKey>> {
  const created = await apiKeys.create(given, by);
  if (created === 'unknown_partner') {
    throw new HttpProblem(404, 'unknown_partner', `there is no partner ${given.partnerId}`);
  }
  return { ...show(created.record), key: created.key };
}

interface OneKey {
  readonly keyId: string;
  /** Whose key it must be; null: anybody's. */
  readonly partnerId: string | null;
}

async function revoke(apiKeys: Deps['apiKeys'], { keyId, partnerId }: OneKey, by: Actor): Promise<void> {
  const id = requireId('key', 'API key', keyId);
  if (!(await apiKeys.revoke(id, partnerId, by))) throw notFound(`API key ${keyId}`);
}

const show = ({
  id,
  name,
  scope,
  partnerId,
  hint,
  createdAt,
  expiresAt,
  lastUsedAt,
}: StoredKey): Static<typeof ApiKey> => ({
  id: publicId('key', id),
  name,
  scope,
  partnerId,
  hint,
  createdAt: iso(createdAt),
  expiresAt: isoOrNull(expiresAt),
  lastUsedAt: isoOrNull(lastUsedAt),
});
