import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import { AUDITED } from '../store/audit.ts';
import type { AuditFilter, StoredAudit } from '../store/audit-reads.ts';
import type { App, ServerDeps } from './deps.ts';
import { PartnerPath } from './partners.ts';
import {
  iso,
  nullable,
  PartnerIdText,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  rangeQuery,
  showPage,
  Time,
  timeRange,
} from './schemas.ts';

const Snapshot = (description: string) =>
  nullable(Type.Unsafe<Record<string, unknown>>({ type: 'object', additionalProperties: true, description }) as never);

/** Who did what. */
export const AuditEntry = Type.Object(
  {
    id: PublicId('aud', 'entry'),
    at: Time('When it was done'),
    actor: Type.String({
      description:
        'The API key that asked; `settings`: the key of the settings; `postrider`: nobody, it did so by itself',
      examples: ['key_01h455vb4pex5vsknk084sn02q', 'settings'],
    }),
    action: Type.String({ examples: ['subscription.updated'] }),
    partnerId: nullable(PartnerIdText),
    subject: Type.Object({
      type: Type.String({ examples: ['subscription'] }),
      id: Type.String({ examples: ['sub_01h455vb4pex5vsknk084sn02q'] }),
    }),
    before: Snapshot('As it was; null where there was nothing. Secrets and header values are hidden'),
    after: Snapshot('As it became; null where nothing is left'),
    requestId: nullable(Type.String({ description: '`x-request-id` of the request' })),
  },
  { $id: 'AuditEntry', description: 'An action, on record for ever' },
);

const query = {
  action: Type.Optional(Type.Enum(Object.keys(AUDITED), { description: 'Only this action' })),
  ...rangeQuery,
  ...pageQuery,
};
const Query = Type.Object(query, { additionalProperties: false });
const AdminQuery = Type.Object({ ...query, partnerId: Type.Optional(PartnerIdText) }, { additionalProperties: false });

type Deps = Pick<ServerDeps, 'audit'>;

const tags = ['Audit'];

/** /v1/audit: everything, for operators. */
export function auditRoutes(app: App, { audit }: Deps): void {
  app.get('/v1/audit', {
    config: { access: 'admin' },
    schema: {
      tags,
      operationId: 'listAudit',
      summary: 'List who changed what',
      querystring: AdminQuery,
      response: { 200: pageOf(AuditEntry, 'Newest first'), ...problems(400, 403, 422) },
    },
    handler: async ({ query }) => showPage(await audit.list(readFilter(query), pageRequest('audit', query)), show),
  });
}

/** /v1/partners/{p}/audit: what concerns one partner. */
export function partnerAuditRoutes(app: App, { audit }: Deps): void {
  app.get('/v1/partners/:partnerId/audit', {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listPartnerAudit',
      summary: 'List who changed what of a partner’s',
      params: PartnerPath,
      querystring: Query,
      response: { 200: pageOf(AuditEntry, 'Newest first'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params: { partnerId }, query }) =>
      showPage(await audit.list({ ...readFilter(query), partnerId }, pageRequest('audit', query)), show),
  });
}

const readFilter = (given: Static<typeof AdminQuery>): AuditFilter => ({
  ...timeRange(given),
  partnerId: given.partnerId,
  action: given.action,
});

const show = (row: StoredAudit): Static<typeof AuditEntry> => ({
  id: publicId('aud', row.id),
  at: iso(row.at),
  actor: row.actor,
  action: row.action,
  partnerId: row.partnerId,
  subject: { type: row.subjectType, id: row.subjectId },
  before: row.before as never,
  after: row.after as never,
  requestId: row.requestId,
});
