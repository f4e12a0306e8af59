import type { Context, Span } from '@opentelemetry/api';
import type { AttemptResult } from '../domain/attempt.ts';
import { publicId } from '../domain/ids.ts';
import type { LaterResult } from '../domain/record.ts';
import type { Attempt, DeliveryToAttempt } from '../pipeline/attempt.ts';
import type { DispatchMessage, DispatchPorts } from '../pipeline/dispatch.ts';
import type { Handle } from './measured-dispatch.ts';
import type { Batch } from './measured-store.ts';
import { idAttributes, type Tracing } from './tracing.ts';

/** What the hot statements are called in a trace; they run for many events at once. */
const STEPS: Readonly<Record<string, string>> = {
  persist: 'persist',
  record: 'record',
  record_later: 'record',
  feed: 'feed',
};

/** An event's way through a worker, in the trace that its message carries. */
export function traceWorker(tracing: Tracing) {
  /** Where the attempt with this result belongs: a retry is recorded after its attempt, by somebody who only has the result. */
  const placeOfResult = new WeakMap<AttemptResult, Context>();

  /** In the context of a message, or of the event's record when there is none: a retry may come days later. */
  function placeOf({ traceparent }: DeliveryToAttempt): Context {
    const active = tracing.active();
    if (tracing.spanOf(active)) return active;
    return tracing.remote(traceparent) ?? tracing.root;
  }

  return {
    /** `receive` lasts from when SQS took the message to now: the wait in the queue. */
    handle:
      <M extends DispatchMessage & { readonly receivedAt: number }>(lane: string, handle: Handle<M>): Handle<M> =>
      (message) => {
        const { id, attributes: carried, sentAt, receivedAt, receiveCount } = message;
        const parent = tracing.remote(carried.traceparent) ?? tracing.root;
        const common = { 'messaging.system': 'aws_sqs', 'messaging.message.id': id, 'postrider.lane': lane };
        const received = tracing.start('receive', {
          kind: 'consumer',
          parent,
          startTime: Math.min(sentAt.getTime(), receivedAt),
          attributes: {
            ...common,
            'messaging.operation.type': 'receive',
            'postrider.message.receive_count': receiveCount,
          },
        });
        received.span.end();
        const attributes = { ...common, 'messaging.operation.type': 'process' };
        const options = { kind: 'consumer', parent: received.context, attributes } as const;
        return tracing.within('process', options, () => handle(message));
      },

    /** The event's record keeps the trace, for its later attempts. */
    persist:
      (persist: DispatchPorts['persist']): DispatchPorts['persist'] =>
      (record) => {
        const { id, partnerId } = record.event;
        const context = tracing.active();
        tracing.spanOf(context)?.setAttributes(idAttributes({ eventId: publicId('evt', id), partnerId }));
        const traceparent = tracing.traceparent(context);
        return persist(traceparent ? { ...record, traceparent } : record);
      },

    attempt:
      (attempt: Attempt): Attempt =>
      (delivery) => {
        const parent = placeOf(delivery);
        const options = { kind: 'client', parent, attributes: describe(delivery) } as const;
        return tracing.within('attempt', options, async ({ span }) => {
          const attempted = await attempt(delivery);
          placeOfResult.set(attempted.result, parent);
          conclude(span, attempted.result);
          span.setAttribute('postrider.delivery.state', attempted.verdict.state);
          return attempted;
        });
      },

    recordLater:
      <R>(record: (result: LaterResult) => Promise<R>) =>
      (result: LaterResult): Promise<R> =>
        tracing.run(placeOfResult.get(result.result) ?? tracing.root, () => record(result)),

    /** A span for each row: its wait for a batch, and the batch's statement. The statement itself is linked to all of them. */
    batch:
      (batch: Batch): Batch =>
      (options) => {
        const step = STEPS[options.name] ?? options.name;
        const waiting = new WeakMap<object, { span: Span; context: Context }>();
        const flush = (items: Parameters<typeof options.flush>[0]) => {
          const rows = items.flatMap((item) => waiting.get(item as object) ?? []);
          if (!rows.some(({ span }) => span.isRecording())) return options.flush(items);
          for (const { span } of rows) span.setAttribute('postrider.batch.size', items.length);
          const attributes = { 'db.system.name': 'postgresql', 'db.operation.batch.size': items.length };
          const links = rows.map(({ context }) => context);
          const statement = { kind: 'client', parent: tracing.root, links, attributes } as const;
          return tracing.within(`${step} batch`, statement, () => options.flush(items));
        };
        const batcher = batch({ ...options, flush });
        return {
          add(item) {
            if (!tracing.spanOf(tracing.active())) return batcher.add(item);
            return tracing.within(step, {}, (started) => {
              waiting.set(item as object, started);
              return batcher.add(item);
            });
          },
        };
      },
  };

  function conclude(span: Span, { outcome, error, response, timing }: AttemptResult): void {
    span.setAttributes({
      'postrider.attempt.outcome': outcome,
      'postrider.attempt.reused_connection': timing.reusedConnection,
      ...(response && { 'http.response.status_code': response.statusCode }),
    });
    if (outcome !== 'succeeded') tracing.fail(span, error ?? outcome);
  }
}

/** The receiver's host and port only: paths and queries of webhook URLs can be credentials. */
function describe({ deliveryId, event, subscription, progress }: DeliveryToAttempt) {
  const url = URL.parse(subscription.url);
  return {
    ...idAttributes({
      eventId: publicId('evt', event.id),
      deliveryId: publicId('dlv', deliveryId),
      partnerId: event.partnerId,
      subscriptionId: publicId('sub', subscription.id),
    }),
    'http.request.method': 'POST',
    'server.address': url?.hostname ?? '',
    'http.request.resend_count': progress.attemptCount,
    'postrider.attempt.number': progress.attemptCount + 1,
    'postrider.attempt.trigger': progress.trigger,
  };
}
