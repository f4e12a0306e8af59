import { rawMember } from '../domain/raw-json.ts';
import type { App, ServerDeps } from './deps.ts';
import { keepRawBody } from './json-body.ts';
import { HttpProblem } from './problem.ts';
import { AcceptedEvent, IdempotencyHeader, idempotencyKey, newEventSchema, publish, toNewEvent } from './publish.ts';
import { publishBatchRoute } from './publish-batch.ts';
import { problems, ref } from './schemas.ts';

/** SNS takes 256 KiB; white space around `data` comes on top, and what is only a little too large deserves the exact answer. */
const BODY_LIMIT = 320 * 1024;

/** So that a body cut down to {@link BODY_LIMIT} does not meet the next limit. */
const SIZE_RULE =
  'Amazon SNS takes 256 KiB for the whole event (id, partnerId, type, timestamp, data and its attributes); keep the rest ' +
  'elsewhere and send where it is';

/** POST /v1/events and /v1/events/batch: the front door. */
export function publishRoutes(app: App, deps: Pick<ServerDeps, 'accept' | 'lanes'>): void {
  app.register(async (scope: App) => {
    keepRawBody(scope);
    publishRoute(scope, deps);
    publishBatchRoute(scope, deps);
  });
}

function publishRoute(app: App, { accept, lanes }: Pick<ServerDeps, 'accept' | 'lanes'>): void {
  app.post('/v1/events', {
    bodyLimit: BODY_LIMIT,
    config: { access: 'publish', sizeRule: SIZE_RULE },
    schema: {
      tags: ['Publishing'],
      operationId: 'publishEvent',
      summary: 'Publish an event',
      description:
        'Answers 202 only once the event is safe: it will be delivered to every subscription of the partner that wants it, ' +
        'or be on record with the reason why not. Up to 256 KiB for the whole event, `data` and all else.',
      headers: IdempotencyHeader,
      body: newEventSchema(lanes),
      response: { 202: ref(AcceptedEvent), ...problems(400, 403, 404, 413, 415, 422, 503) },
    },
    handler: async (request, reply) => {
      const key = idempotencyKey(request.headers['idempotency-key']);
      const data = rawMember(request.rawBody, 'data') as string; // the schema requires it
      const event = toNewEvent(request.body, data, request.headers.traceparent);
      const answer = await publish(accept, request.principal, event, key === undefined ? key : { key, entry: 0 });
      if (answer instanceof HttpProblem) throw answer;
      return reply.code(202).send(answer);
    },
  });
}
