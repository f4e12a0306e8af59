import Type, { type Static } from 'typebox';
import { rawElements, rawMember } from '../domain/raw-json.ts';
import type { Principal } from './authentication.ts';
import type { App, ServerDeps } from './deps.ts';
import { HttpProblem, validationFailed } from './problem.ts';
import {
  AcceptedEvent,
  type EventBody,
  IdempotencyHeader,
  idempotencyKey,
  newEventSchema,
  publish,
  toNewEvent,
} from './publish.ts';
import { Problem, problems } from './schemas.ts';
import { compileEvent, fieldErrors } from './validation.ts';

const BODY_LIMIT = 16 * 1024 * 1024;
const MAX_EVENTS = 500;

/** One flat object for both outcomes: it serialises many times faster than `anyOf`. */
const Entry = Type.Object({
  ...Type.Partial(AcceptedEvent).properties,
  error: Type.Optional(
    Type.Pick(Problem, ['code', 'detail', 'errors'], {
      description: 'Instead of all else: why this event was not accepted',
    }),
  ),
});

/** What is checked of a batch as a whole; each entry is judged on its own. */
const Shell = Type.Object(
  { events: Type.Array(Type.Unknown(), { minItems: 1, maxItems: MAX_EVENTS }) },
  { additionalProperties: false },
);

type Deps = Pick<ServerDeps, 'accept' | 'lanes'>;

/** POST /v1/events/batch. One bad entry does not fail the others. */
export function publishBatchRoute(app: App, { accept, lanes }: Deps): void {
  const schema = newEventSchema(lanes);
  const judge = createEntryPublisher(accept, schema);
  const body = Type.Object({ events: Type.Array(schema, { minItems: 1, maxItems: MAX_EVENTS }) });
  app.post('/v1/events/batch', {
    bodyLimit: BODY_LIMIT,
    config: { access: 'publish' },
    validatorCompiler: ({ httpPart }) => (httpPart === 'body' ? compileEvent(Shell) : () => true),
    schema: {
      tags: ['Publishing'],
      operationId: 'publishEvents',
      summary: 'Publish up to 500 events',
      description: 'Answers entry by entry, in the order given: an entry has either an `id` or an `error`.',
      headers: IdempotencyHeader,
      body,
      response: {
        202: Type.Object({ data: Type.Array(Entry) }, { description: 'One entry for each event, in order' }),
        ...problems(400, 403, 413, 415, 422),
      },
    },
    handler: async (request, reply) => {
      const key = idempotencyKey(request.headers['idempotency-key']);
      const { traceparent } = request.headers;
      const { events } = request.body;
      const texts = rawElements(rawMember(request.rawBody, 'events') as string); // the schema requires it
      const data = await Promise.all(
        events.map((value, index) =>
          judge(request.principal, { value, text: texts[index] as string, entry: index + 1, key, traceparent }),
        ),
      );
      return reply.code(202).send({ data });
    },
  });
}

interface Given {
  readonly value: unknown;
  /** The entry as it came. */
  readonly text: string;
  /** Its position, from 1. */
  readonly entry: number;
  readonly key: string | undefined;
  readonly traceparent: string | string[] | undefined;
}

function createEntryPublisher(accept: Deps['accept'], schema: ReturnType<typeof newEventSchema>) {
  const validate = compileEvent(schema);
  return async (principal: Principal | null, given: Given): Promise<Static<typeof Entry>> => {
    const { value, text, entry, key, traceparent } = given;
    if (!validate(value)) return refused(validationFailed(fieldErrors(validate.errors)));
    const event = toNewEvent(value as EventBody, rawMember(text, 'data') as string, traceparent);
    const answer = await publish(accept, principal, event, key === undefined ? key : { key, entry });
    return answer instanceof HttpProblem ? refused(answer) : answer;
  };
}

const refused = ({ code, message, errors }: HttpProblem): Static<typeof Entry> => ({
  error: { code, detail: message, ...(errors ? { errors: [...errors] } : {}) },
});
