import type { Context } from '@opentelemetry/api';
import { publicId } from '../domain/ids.ts';
import type { Accept, AcceptPorts } from '../pipeline/accept.ts';
import type { CountedRequest, Topic } from './measured-api.ts';
import { idAttributes, type Started, type Tracing } from './tracing.ts';

/** As much of a request as is traced. */
export interface TracedRequest extends CountedRequest {
  readonly id: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const BATCH_ROUTE = '/v1/events/batch';

/** Nobody wants a trace of these: probes, scrapes, pages. */
const UNTRACED = /^\/(health|ready|metrics|docs|openapi\.json|$)/;

/** Requests' own spans, and a trace for each event from here on. */
export function traceApi(tracing: Tracing) {
  const requests = new WeakMap<object, Started>();
  /** Contexts of requests that carry many events. */
  const batches = new WeakSet<Context>();

  /** A single event belongs to its request's trace; each of a batch begins its own, linked to the request. */
  function placeOf(): { parent: Context; links: Context[] } {
    const request = tracing.active();
    return batches.has(request) ? { parent: tracing.root, links: [request] } : { parent: request, links: [] };
  }

  return {
    begin(request: TracedRequest): void {
      const { method, id, headers, routeOptions } = request;
      const route = routeOptions.url;
      if (!route || UNTRACED.test(route)) return;
      const { traceparent } = headers;
      const parent = tracing.remote(typeof traceparent === 'string' ? traceparent : undefined) ?? tracing.root;
      const attributes = { 'http.request.method': method, 'http.route': route, 'postrider.request.id': id };
      const started = tracing.start(`${method} ${route}`, { kind: 'server', parent, attributes });
      requests.set(request, started);
      if (route === BATCH_ROUTE) batches.add(started.context);
    },

    /** The handler, within the request's span. */
    handle(request: TracedRequest, go: () => void): void {
      const started = requests.get(request);
      if (started) tracing.run(started.context, go);
      else go();
    },

    end(request: TracedRequest, statusCode: number): void {
      const span = requests.get(request)?.span;
      span?.setAttribute('http.response.status_code', statusCode);
      if (span && statusCode >= 500) tracing.fail(span, `answered ${statusCode}`);
      span?.end();
    },

    accept:
      (accept: Accept): Accept =>
      (event, idempotency) => {
        const attributes = {
          ...idAttributes({ partnerId: event.partnerId }),
          'postrider.event.type': event.type,
          'postrider.lane': event.lane,
        };
        return tracing.within('accept', { ...placeOf(), attributes }, async ({ span }) => {
          const answer = await accept(event, idempotency);
          if (answer.ok) span.setAttributes(idAttributes({ eventId: publicId('evt', answer.event.id) }));
          else tracing.fail(span, answer.problem);
          return answer;
        });
      },

    /** The message carries this span, whatever `traceparent` the request had. */
    publish:
      (publish: AcceptPorts['publish']): AcceptPorts['publish'] =>
      (event, via) => {
        const attributes = {
          ...idAttributes({ eventId: publicId('evt', event.id), partnerId: event.partnerId }),
          'messaging.system': 'aws.sns',
          'messaging.operation.name': 'publish',
          'messaging.operation.type': 'send',
        };
        return tracing.within('publish', { kind: 'producer', attributes }, async ({ span, context }) => {
          const traceparent = tracing.traceparent(context);
          const published = await publish(event, { ...via, ...(traceparent && { traceparent }) });
          if (!published.ok) tracing.fail(span, published.problem);
          return published;
        });
      },

    /** One call for many events: a trace of its own, linked to theirs. */
    topic<M extends { readonly attributes: Readonly<Record<string, string>> }, T extends Topic<M>>(
      topic: T & Topic<M>,
    ): T {
      const publishBatch = (messages: readonly M[]) => {
        const links = messages.flatMap(({ attributes }) => tracing.remote(attributes.traceparent) ?? []);
        const attributes = {
          'messaging.system': 'aws.sns',
          'messaging.operation.name': 'PublishBatch',
          'messaging.batch.message_count': messages.length,
        };
        const options = { kind: 'client', parent: tracing.root, links, attributes } as const;
        return tracing.within('PublishBatch', options, () => topic.publishBatch(messages));
      };
      return { ...topic, publishBatch };
    },
  };
}
