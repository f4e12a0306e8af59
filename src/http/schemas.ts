import Type, { type Static, type TSchema, type TUnsafe } from 'typebox';
import { EVENT_TYPE } from '../domain/event.ts';
import { type IdPrefix, parsePublicId } from '../domain/ids.ts';
import { decodeCursor, type ListName, type Page, type PageRequest } from '../store/cursor.ts';
import { HttpProblem, notFound, validationFailed } from './problem.ts';

/** Refers to a schema that has a name (`$id`), so that the API's description says it once. */
export const ref = <T extends TSchema>(schema: T): TUnsafe<Static<T>> =>
  Type.Unsafe<Static<T>>({ $ref: `${(schema as { $id?: string }).$id}#` });

/** The same, or null. For schemas with a plain `type`: a list of types serialises many times faster than `anyOf`. */
export const nullable = <T extends TSchema & { type: string }>(schema: T): TUnsafe<Static<T> | null> =>
  Type.Unsafe<Static<T> | null>({ ...schema, type: [schema.type, 'null'] });

export const Time = (description: string) =>
  Type.String({ format: 'date-time', description, examples: ['2026-01-31T12:00:00.000Z'] });

export const PublicId = (prefix: IdPrefix, what: string) =>
  Type.String({ description: `Id of the ${what}`, examples: [`${prefix}_01h455vb4pex5vsknk084sn02q`] });

export const PartnerIdText = Type.String({
  description: 'Id of the partner: the operator’s own id for it',
  pattern: '^[A-Za-z0-9._-]{1,64}$',
  examples: ['acme'],
});

export const EventTypeText = Type.String({
  description: 'Dotted name',
  pattern: EVENT_TYPE.source,
  examples: ['order.created'],
});

const MAX_METADATA_BYTES = 8 * 1024;

export const Metadata = Type.Unsafe<Record<string, unknown>>({
  type: 'object',
  additionalProperties: true,
  description: 'Anything of your own, as JSON, up to 8 KiB',
  examples: [{ plan: 'gold' }],
});

/** A rule beyond the schema's reach. */
export function checkMetadata(metadata: Record<string, unknown> | undefined): void {
  if (metadata && Buffer.byteLength(JSON.stringify(metadata)) > MAX_METADATA_BYTES) {
    throw validationFailed([{ path: '/metadata', message: 'must not be larger than 8 KiB' }]);
  }
}

/** An error's body, for the description; the error handler writes it. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'Always about:blank: `code` tells problems apart' }),
    title: Type.String({ examples: ['Unprocessable Entity'] }),
    status: Type.Integer({ examples: [422] }),
    code: Type.String({ description: 'Stable, for programs', examples: ['validation_failed'] }),
    detail: Type.String({ description: 'For people', examples: ['/url is required'] }),
    requestId: Type.String({ description: 'Also in the header `x-request-id`' }),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          path: Type.String({ description: 'JSON pointer into the body, or a query parameter', examples: ['/url'] }),
          message: Type.String({ examples: ['is required'] }),
        }),
      ),
    ),
  },
  { $id: 'Problem', description: 'A problem (RFC 9457)' },
);

const PROBLEM_MEANINGS: Readonly<Record<number, string>> = {
  400: 'The body is not JSON, or the cursor is not one of this list',
  401: 'The API key is missing, unknown, expired or revoked',
  403: 'The API key may not do this',
  404: 'There is no such thing, or it belongs to another partner',
  409: 'The resource’s state does not allow it',
  413: 'The body is too large',
  415: 'The body is not application/json',
  422: 'The request does not fit the schema; `errors` says where',
  429: 'The API key makes too many requests; `Retry-After` says when to try again',
  503: 'A service that is needed is away for the moment; `Retry-After` says when to try again',
};

/** The problems a route may answer with, for the description. Handlers throw them, so they do not count among what is returned. */
export function problems(...statuses: number[]): { readonly '5xx': TUnsafe<never> } {
  const entries = [401, 429, ...statuses].map((status) => [
    status,
    {
      description: PROBLEM_MEANINGS[status] ?? 'Problem',
      content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
    },
  ]);
  return Object.fromEntries(entries) as { '5xx': TUnsafe<never> };
}

/** 204. */
export const Nothing = Type.Null({ description: 'Done; there is nothing to say' });

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 250, default: 50, description: 'Rows on a page' })),
  cursor: Type.Optional(Type.String({ maxLength: 500, description: '`nextCursor` of the page before' })),
};

export const rangeQuery = {
  since: Type.Optional(Time('Only what was accepted at this time or later')),
  until: Type.Optional(Time('Only what was accepted before this time')),
};

/** A list's page; names the row's schema. */
export const pageOf = <T extends TSchema>(row: T, description: string) =>
  Type.Object(
    {
      data: Type.Array(ref(row)),
      nextCursor: nullable(
        Type.String({ description: 'For `cursor`; null on the last page only, a short page may have a next one' }),
      ),
    },
    { description },
  );

/** Shows the rows of a page. */
export const showPage = <T, U>({ data, nextCursor }: Page<T>, show: (row: T) => U) => ({
  data: data.map(show),
  nextCursor,
});

export const invalidCursor = (): HttpProblem =>
  new HttpProblem(400, 'invalid_cursor', 'the cursor is not one that this list gave: start without one');

/** What a query asks of a list. Throws the problem `invalid_cursor`. */
export function pageRequest(list: ListName, { limit = 50, cursor }: { limit?: number; cursor?: string }): PageRequest {
  if (!Number.isInteger(limit)) throw validationFailed([{ path: '?limit', message: 'must be integer' }]); // 1e400 is no number to JSON
  if (cursor === undefined) return { limit };
  const before = decodeCursor(list, cursor);
  if (before === null) throw invalidCursor();
  return { limit, before };
}

/** `since` and `until` of a query. */
export const timeRange = ({ since, until }: { since?: string; until?: string }) => ({
  since: since === undefined ? undefined : new Date(since),
  until: until === undefined ? undefined : new Date(until),
});

/** TypeID → UUID. What is no id cannot exist: throws `not_found`. */
export function requireId(prefix: IdPrefix, what: string, text: string): string {
  const uuid = parsePublicId(prefix, text);
  if (!uuid) throw notFound(`${what} ${text}`);
  return uuid;
}

/** A time for the answer. */
export const iso = (time: Date): string => time.toISOString();
export const isoOrNull = (time: Date | null): string | null => time?.toISOString() ?? null;
