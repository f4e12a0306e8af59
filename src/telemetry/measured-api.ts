import type { Accept, AcceptProblem } from '../pipeline/accept.ts';
import { CALL_BUCKETS, type Metrics, secondsSince } from './metrics.ts';

/** As much of a request as is counted. The route is its template: its number is bounded, that of paths is not. */
export interface CountedRequest {
  readonly method: string;
  readonly routeOptions: { readonly url?: string | undefined };
}

/** Where messages are published in batches. */
export interface Topic<M> {
  publishBatch(messages: readonly M[]): Promise<{ readonly ok: boolean }[]>;
}

const PROBLEMS: readonly AcceptProblem[] = [
  'unknown_partner',
  'reserved_event_type',
  'too_large',
  'invalid_characters',
  'idempotency_key_reused',
  'overloaded',
  'unavailable',
];

/** The metrics of an API process. */
export function measureApi(metrics: Metrics, lanes: readonly string[]) {
  const accepted = metrics.counter(
    { name: 'postrider_events_accepted_total', help: 'Events answered with 202.', labelNames: ['lane'] },
    lanes.map((lane) => ({ lane })),
  );
  const refused = metrics.counter(
    {
      name: 'postrider_events_refused_total',
      help: 'Well-formed events that were not accepted.',
      labelNames: ['lane', 'reason'],
    },
    lanes.flatMap((lane) => PROBLEMS.map((reason) => ({ lane, reason }))),
  );
  const requests = metrics.histogram({
    name: 'postrider_http_request_duration_seconds',
    help: 'Requests to the API, from their arrival to the end of the answer.',
    labelNames: ['method', 'route', 'status'],
    buckets: CALL_BUCKETS,
  });
  const batches = metrics.histogram({
    name: 'postrider_publish_batch_messages',
    help: 'Messages in one PublishBatch call.',
    buckets: [1, 2, 3, 5, 7, 10],
  });
  const calls = metrics.histogram({
    name: 'postrider_publish_batch_duration_seconds',
    help: 'PublishBatch calls, by result of the call.',
    labelNames: ['result'],
    buckets: CALL_BUCKETS,
  });

  return {
    accept:
      (accept: Accept): Accept =>
      async (event, idempotency) => {
        const answer = await accept(event, idempotency);
        if (answer.ok) accepted.inc({ lane: event.lane });
        else refused.inc({ lane: event.lane, reason: answer.problem });
        return answer;
      },

    /** A request has been answered; what no route answered counts as `unmatched`. */
    request({ method, routeOptions }: CountedRequest, statusCode: number, seconds: number): void {
      const status = `${Math.floor(statusCode / 100)}xx`;
      const known = METHODS.has(method) ? method : 'other';
      requests.observe({ method: known, route: routeOptions.url ?? 'unmatched', status }, seconds);
    },

    topic<M, T extends Topic<M>>(topic: T & Topic<M>): T {
      const publishBatch = async (messages: readonly M[]) => {
        batches.observe(messages.length);
        const startedAt = performance.now();
        let result = 'failed';
        try {
          const answers = await topic.publishBatch(messages);
          result = 'ok';
          return answers;
        } finally {
          calls.observe({ result }, secondsSince(startedAt));
        }
      };
      return { ...topic, publishBatch };
    },
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PATCH', 'PUT', 'DELETE', 'OPTIONS']);
