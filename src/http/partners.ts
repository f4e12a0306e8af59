import Type, { type Static } from 'typebox';
import { newId } from '../domain/ids.ts';
import { OPERATOR_PARTNER } from '../domain/operational.ts';
import type { Partner as StoredPartner } from '../store/partners.ts';
import { isPartnerId, noPartner } from './access.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict } from './problem.ts';
import {
  checkMetadata,
  iso,
  Metadata,
  Nothing,
  PartnerIdText,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  ref,
  showPage,
  Time,
} from './schemas.ts';

/** A partner, as shown. */
export const Partner = Type.Object(
  {
    id: PartnerIdText,
    name: Type.String({ examples: ['Acme Inc.'] }),
    metadata: Metadata,
    createdAt: Time('When it was created'),
    updatedAt: Time('When it was last changed'),
  },
  { $id: 'Partner', description: 'A company that receives webhooks' },
);

const Name = Type.String({ minLength: 1, maxLength: 200, examples: ['Acme Inc.'] });

/** `.` and `..` would vanish from paths. */
const NewId = Type.String({
  pattern: '^(?!\\.{1,2}$)[A-Za-z0-9._-]{1,64}$',
  description: 'Your own id for the partner; left out: one is made',
  examples: ['acme'],
});

const NewPartner = Type.Object(
  { id: Type.Optional(NewId), name: Name, metadata: Type.Optional(Metadata) },
  { additionalProperties: false },
);

const PartnerChange = Type.Object(
  { name: Type.Optional(Name), metadata: Type.Optional(Metadata) },
  { additionalProperties: false },
);

/** The path of everything below a partner. */
export const PartnerPath = Type.Object({ partnerId: PartnerIdText });

const tags = ['Partners'];

/** /v1/partners. */
export function partnerRoutes(app: App, deps: Pick<ServerDeps, 'partners'>): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  changeRoutes(app, deps);
}

function createRoute(app: App, { partners }: Pick<ServerDeps, 'partners'>): void {
  app.post('/v1/partners', {
    config: { access: 'admin' },
    schema: {
      tags,
      operationId: 'createPartner',
      summary: 'Create a partner',
      body: NewPartner,
      response: { 201: ref(Partner), ...problems(400, 403, 409, 415, 422) },
    },
    handler: async (request, reply) => {
      const { body } = request;
      checkMetadata(body.metadata);
      const { id = newId(), name, metadata = {} } = body;
      const created = await partners.create({ id, name, metadata }, actorOf(request));
      if (created === 'taken') throw conflict('partner_exists', `there is a partner ${id} already`);
      if (created === 'reserved') {
        throw conflict(
          'partner_id_reserved',
          `partner ${id} was deleted; its id stays with its records: choose another`,
        );
      }
      return reply.code(201).header('location', `/v1/partners/${id}`).send(show(created));
    },
  });
}

function readRoutes(app: App, { partners }: Pick<ServerDeps, 'partners'>): void {
  app.get('/v1/partners', {
    config: { access: 'admin' },
    schema: {
      tags,
      operationId: 'listPartners',
      summary: 'List partners',
      querystring: Type.Object(pageQuery, { additionalProperties: false }),
      response: { 200: pageOf(Partner, 'Newest first'), ...problems(400, 403, 422) },
    },
    handler: async ({ query }) => showPage(await partners.list(pageRequest('partners', query)), show),
  });

  app.get('/v1/partners/:partnerId', {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'getPartner',
      summary: 'Get a partner',
      params: PartnerPath,
      response: { 200: ref(Partner), ...problems(403, 404) },
    },
    handler: async ({ params: { partnerId } }) => {
      const partner = isPartnerId(partnerId) ? await partners.find(partnerId) : null;
      if (!partner) throw noPartner(partnerId);
      return show(partner);
    },
  });
}

function changeRoutes(app: App, { partners }: Pick<ServerDeps, 'partners'>): void {
  app.patch('/v1/partners/:partnerId', {
    config: { access: 'admin' },
    schema: {
      tags,
      operationId: 'updatePartner',
      summary: 'Change a partner',
      description: 'What is left out stays as it is; `metadata` is replaced as a whole.',
      params: PartnerPath,
      body: PartnerChange,
      response: { 200: ref(Partner), ...problems(400, 403, 404, 415, 422) },
    },
    handler: async (request) => {
      const { partnerId } = request.params;
      checkMetadata(request.body.metadata);
      const isId = isPartnerId(partnerId);
      const partner = isId ? await partners.update(partnerId, request.body, actorOf(request)) : null;
      if (!partner) throw noPartner(partnerId);
      return show(partner);
    },
  });

  app.delete('/v1/partners/:partnerId', {
    config: { access: 'admin' },
    schema: {
      tags,
      operationId: 'deletePartner',
      summary: 'Delete a partner',
      description:
        'Its subscriptions go with it and its keys are revoked. Its records stay, and so its id is not given again. ' +
        `\`${OPERATOR_PARTNER}\` stays.`,
      params: PartnerPath,
      response: { 204: Nothing, ...problems(403, 404, 409) },
    },
    handler: async (request, reply) => {
      const { partnerId } = request.params;
      if (partnerId === OPERATOR_PARTNER) throw operatorsOwn();
      if (!isPartnerId(partnerId) || !(await partners.remove(partnerId, actorOf(request)))) throw noPartner(partnerId);
      return reply.code(204).send(null);
    },
  });
}

/** Deleted, it could not be made again: its id would stay with its records. */
const operatorsOwn = () =>
  conflict(
    'operator_partner',
    `partner ${OPERATOR_PARTNER} is the operator’s own, for Postrider’s news that concern no partner: it cannot be deleted. ` +
      'Delete its subscriptions to hear none',
  );

const show = ({ id, name, metadata, createdAt, updatedAt }: StoredPartner): Static<typeof Partner> => ({
  id,
  name,
  metadata: { ...metadata },
  createdAt: iso(createdAt),
  updatedAt: iso(updatedAt),
});
