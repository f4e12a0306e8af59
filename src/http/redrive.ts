import Type, { type Static } from 'typebox';
import type { Actor } from '../domain/actor.ts';
import { parsePublicId } from '../domain/ids.ts';
import type { LetterSelection } from '../store/redrive.ts';
import { actorOf } from './actor.ts';
import {
  DeadLetter,
  DeadLetterPath,
  letterFilter,
  noLetter,
  ONE_DEAD_LETTER,
  readDeadLetter,
  requireLetterId,
} from './dead-letters.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict, HttpProblem, unavailable, validationFailed } from './problem.ts';
import { PublicId, problems, ref, timeRange } from './schemas.ts';

const MAX_IDS = 1_000;

const Selection = Type.Object(
  {
    ids: Type.Optional(Type.Array(PublicId('dl', 'dead letter'), { minItems: 1, maxItems: MAX_IDS })),
    ...letterFilter,
  },
  { additionalProperties: false },
);

const tags = ['Dead letters'];
const config = { access: 'admin' } as const;

type Deps = Pick<ServerDeps, 'deadLetters' | 'redriveDeadLetter' | 'redriveDeadLetters'>;

/** Dead letters go back to the topic they came from: the same pipeline handles them again. */
export function redriveRoutes(app: App, deps: Deps): void {
  app.post(`${ONE_DEAD_LETTER}/redrive`, {
    config,
    schema: {
      tags,
      operationId: 'redriveDeadLetter',
      summary: 'Publish a dead letter again',
      description: 'One that is still no event comes back as the same letter, `waiting` again.',
      params: DeadLetterPath,
      response: { 202: ref(DeadLetter), ...problems(403, 404, 409, 413, 503) },
    },
    handler: async (request, reply) => {
      const { deadLetterId } = request.params;
      await redriveOne(deps, deadLetterId, actorOf(request));
      return reply.code(202).send(await readDeadLetter(deps, deadLetterId));
    },
  });

  app.post('/v1/dead-letters/redrive', {
    config,
    schema: {
      tags,
      operationId: 'redriveDeadLetters',
      summary: 'Publish dead letters again, all or those selected',
      description:
        'In the background, 50 a second. All that is given must hold; `{}` selects all that wait. A letter’s `redriveAt` says when it is due.',
      body: Selection,
      response: {
        202: Type.Object(
          { count: Type.Integer({ description: 'Letters in line by this request' }) },
          { description: 'Taken on, and carried out even if the service restarts' },
        ),
        ...problems(400, 403, 415, 422),
      },
    },
    handler: async (request, reply) => {
      const count = await deps.redriveDeadLetters(toSelection(request.body), actorOf(request));
      return reply.code(202).send({ count });
    },
  });
}

async function redriveOne(deps: Deps, deadLetterId: string, by: Actor): Promise<void> {
  const outcome = await deps.redriveDeadLetter(requireLetterId(deadLetterId), by);
  if (outcome === 'not_found') {
    const { state } = await readDeadLetter(deps, deadLetterId); // throws when there is none
    if (state === 'redriven') throw conflict('already_redriven', 'it was redriven already, and has not come back');
    throw noLetter(deadLetterId);
  }
  if (outcome === 'already_an_event') {
    throw conflict(outcome, 'it became an event more than 13 days ago: redeliver that event’s deliveries instead');
  }
  if (outcome.ok) return;
  if (outcome.problem === 'too_large') throw new HttpProblem(413, 'too_large', outcome.detail);
  throw unavailable(`it could not be published: ${outcome.detail}`);
}

function toSelection({ ids, reason, lane, partnerId, ...range }: Static<typeof Selection>): LetterSelection {
  return { reason, lane, partnerId, ...timeRange(range), ids: ids?.map(toId) };
}

function toId(text: string, index: number): string {
  const id = parsePublicId('dl', text);
  if (!id) throw validationFailed([{ path: `/ids/${index}`, message: 'must be an id that starts with dl_' }]);
  return id;
}
