import Type, { type Static } from 'typebox';
import { DEAD_LETTER_REASONS } from '../domain/dead-letter.ts';
import { publicId } from '../domain/ids.ts';
import type { DeadLetter as StoredDeadLetter } from '../store/dead-letters.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { notFound } from './problem.ts';
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
  timeRange,
} from './schemas.ts';

const Reason = Type.Enum([...DEAD_LETTER_REASONS], { description: 'Stable, for programs' });
const State = Type.Enum(['waiting', 'redriven'], {
  description: '`waiting` for you to decide; `redriven`: published again, and not come back so far',
});

/** A message that never became an event. */
export const DeadLetter = Type.Object(
  {
    id: PublicId('dl', 'dead letter'),
    state: State,
    lane: Type.String({ examples: ['live'] }),
    reason: Type.String({ description: 'Stable, for programs', examples: ['malformed'] }),
    detail: Type.String({ description: 'What is wrong, for people', examples: ['the message is not a JSON object'] }),
    body: Type.String({ description: 'The message’s text as it came' }),
    attributes: Type.Unknown({ description: 'The message’s attributes' }),
    partnerId: nullable(Type.String({ description: 'As far as the message said' })),
    receiveCount: Type.Integer({ description: 'How often it was received' }),
    firstSeenAt: Time('When it was first put on record'),
    lastSeenAt: Time('When it was last put on record'),
    redriveAt: nullable(Time('When a bulk redrive publishes it; null: none is asked for')),
    redrivenAt: nullable(Time('When it was published again; null while it waits')),
  },
  { $id: 'DeadLetter', description: 'A message that never became an event' },
);

/** What both the list and the bulk redrive select by. */
export const letterFilter = {
  reason: Type.Optional(Reason),
  lane: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', examples: ['live'] })),
  partnerId: Type.Optional(PartnerIdText),
  since: Type.Optional(Time('Only what was put on record at this time or later')),
  until: Type.Optional(Time('Only what was put on record before this time')),
};

const Query = Type.Object(
  { state: Type.Optional({ ...State, default: 'waiting' }), ...letterFilter, ...pageQuery },
  { additionalProperties: false },
);

export const DeadLetterPath = Type.Object({ deadLetterId: PublicId('dl', 'dead letter') });

const tags = ['Dead letters'];
export const ONE_DEAD_LETTER = '/v1/dead-letters/:deadLetterId';

/** /v1/dead-letters. */
export function deadLetterRoutes(app: App, deps: Pick<ServerDeps, 'deadLetters' | 'discardDeadLetter'>): void {
  const config = { access: 'admin' } as const;
  app.get('/v1/dead-letters', {
    config,
    schema: {
      tags,
      operationId: 'listDeadLetters',
      summary: 'List dead letters',
      description: 'Those that wait for a decision, if `state` does not ask for others.',
      querystring: Query,
      response: { 200: pageOf(DeadLetter, 'Newest first'), ...problems(400, 403, 422) },
    },
    handler: async ({ query }) => {
      const { reason, lane, partnerId, state = 'waiting' } = query;
      const filter = { reason, lane, partnerId, state, ...timeRange(query) };
      return showPage(await deps.deadLetters.list(filter, pageRequest('deadLetters', query)), showDeadLetter);
    },
  });

  app.get(ONE_DEAD_LETTER, {
    config,
    schema: {
      tags,
      operationId: 'getDeadLetter',
      summary: 'Get a dead letter',
      params: DeadLetterPath,
      response: { 200: ref(DeadLetter), ...problems(403, 404) },
    },
    handler: ({ params }) => readDeadLetter(deps, params.deadLetterId),
  });

  app.delete(ONE_DEAD_LETTER, {
    config,
    schema: {
      tags,
      operationId: 'discardDeadLetter',
      summary: 'Discard a dead letter',
      params: DeadLetterPath,
      response: { 204: Nothing, ...problems(403, 404) },
    },
    handler: async (request, reply) => {
      const { deadLetterId } = request.params;
      if (!(await deps.discardDeadLetter(requireLetterId(deadLetterId), actorOf(request))))
        throw noLetter(deadLetterId);
      return reply.code(204).send(null);
    },
  });
}

export const noLetter = (id: string) => notFound(`dead letter ${id}`);
export const requireLetterId = (text: string): string => requireId('dl', 'dead letter', text);

/** A letter as shown. Throws `not_found`. */
export async function readDeadLetter({ deadLetters }: Pick<ServerDeps, 'deadLetters'>, id: string) {
  const found = await deadLetters.find(requireLetterId(id));
  if (!found) throw noLetter(id);
  return showDeadLetter(found);
}

const showDeadLetter = (letter: StoredDeadLetter): Static<typeof DeadLetter> => ({
  ...letter,
  id: publicId('dl', letter.id),
  firstSeenAt: iso(letter.firstSeenAt),
  lastSeenAt: iso(letter.lastSeenAt),
  redriveAt: isoOrNull(letter.redriveAt),
  redrivenAt: isoOrNull(letter.redrivenAt),
});
