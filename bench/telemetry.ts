import { SimpleSpanProcessor, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { AttemptResult } from '../src/domain/attempt.ts';
import { NOT_ATTEMPTED, type Verdict } from '../src/domain/delivery.ts';
import { newId } from '../src/domain/ids.ts';
import type { EventRecord, FirstResult } from '../src/domain/record.ts';
import type { NewEvent } from '../src/pipeline/accept.ts';
import type { DeliveryToAttempt } from '../src/pipeline/attempt.ts';
import type { DispatchMessage, DispatchPorts } from '../src/pipeline/dispatch.ts';
import { createTelemetry, watchApi, watchWorker } from '../src/telemetry/index.ts';
import { startTracing, type Tracing } from '../src/telemetry/tracing.ts';

/*
 * What metrics and traces cost: CPU per event of each wrapper around a function that does nothing, less that function's own.
 * Traces go to an exporter that drops them: what sending takes comes on top.
 */

const EVENTS = 200_000;
const LANES = ['live', 'bulk'];

type Step = () => unknown;
type Steps = Record<string, { bare: Step; watched: Step }>;

const event = {
  id: newId(),
  partnerId: 'acme',
  type: 'order.created',
  timestamp: new Date().toISOString(),
  data: '{}',
};
const verdict: Verdict = { state: 'succeeded', retriesUsed: 0, nextDelayMs: null, resumeAt: null };
const result: AttemptResult = {
  startedAt: new Date(),
  durationMs: 12,
  outcome: 'succeeded',
  error: null,
  timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 10, reusedConnection: true },
  request: { url: 'https://example.com/', headers: {} },
  response: { statusCode: 200, headers: {}, body: '', bodyTruncated: false },
};
const subscription = { id: newId(), url: 'https://example.com/' } as DeliveryToAttempt['subscription'];
const delivery: DeliveryToAttempt = { deliveryId: newId(), event, subscription, progress: NOT_ATTEMPTED };
const record: EventRecord = { event, fanOut: 1, skipped: [], unmatched: null, leaseMs: 25_000 };
const first: FirstResult = { ...delivery, subscriptionId: subscription.id, eventRecord: record, result, verdict };
const message = {
  id: 'm',
  body: '{}',
  attributes: { lane: 'live', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
  sentAt: new Date(),
  receivedAt: Date.now(),
  receiveCount: 1,
  ack: async () => undefined,
  return: async () => undefined,
};
const input: NewEvent = { partnerId: 'acme', type: 'order.created', data: '{}', lane: 'live' };
const request = { id: 'r', method: 'POST', headers: {}, routeOptions: { url: '/v1/events' } };

/** Each function that is wrapped, bare and watched. */
function stepsOf(tracing: Tracing | null): Steps {
  const telemetry = createTelemetry('bench', tracing);
  const api = watchApi(telemetry, LANES);
  const worker = watchWorker(telemetry, LANES);
  const accept = async () => ({ ok: true, event }) as const;
  const publish = async () => ({ ok: true }) as const;
  const attempt = async () => ({ result, verdict });
  const store: Pick<DispatchPorts, 'persist' | 'record'> = {
    persist: async () => ({ fresh: true, version: 1n }),
    record: async () => undefined,
  };
  const handle = (each: DispatchMessage) => each.ack();
  const ports = { ...store, attempt } as unknown as DispatchPorts;
  const watched = { accept: api.accept(accept), publish: api.publish(publish), store: worker.store(store) };
  const handled = worker.handle<typeof message>('live', handle);
  const lane = worker.ports('live', ports);
  const watchedAttempt = worker.attempt(attempt);
  const { begin, handle: within, end } = api.requests;
  return {
    request: {
      bare: () => undefined,
      watched: () => {
        const own = { ...request }; // requests are told apart by their identity
        begin?.(own);
        within?.(own, () => undefined);
        end(own, 202, 0.004);
      },
    },
    accept: { bare: () => accept(), watched: () => watched.accept(input) },
    publish: { bare: () => publish(), watched: () => watched.publish(event, { lane: 'live' }) },
    handle: { bare: () => handle(message), watched: () => handled(message) },
    persist: { bare: () => store.persist(record), watched: () => watched.store.persist(record) },
    attempt: { bare: () => attempt(), watched: () => watchedAttempt(delivery) },
    'attempt, by lane': { bare: () => attempt(), watched: () => lane.attempt(delivery) },
    record: { bare: () => store.record(first), watched: () => watched.store.record(first) },
  };
}

/** In µs of CPU a call: the least of some runs, since whatever else the machine does only adds. */
async function cost(step: Step): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let run = 0; run < 5; run++) least = Math.min(least, await costOnce(step));
  return least;
}

async function costOnce(step: Step): Promise<number> {
  const before = process.cpuUsage();
  for (let n = 0; n < EVENTS; n++) await step();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}

const dropping: SpanExporter = { export: (_spans, done) => done({ code: 0 }), shutdown: async () => undefined };

const settings = { serviceName: 'bench', version: '0', exporter: 'otlp', sampler: 'parentbased_traceidratio' } as const;
const traced = (ratio: number) => startTracing({ ...settings, ratio }, new SimpleSpanProcessor({ exporter: dropping }));

for (const [name, tracing] of [
  ['metrics', null],
  ['metrics and traces, every event', await traced(1)],
] as const) {
  console.log(`\n${name}: µs of CPU an event`);
  let sum = 0;
  for (const [step, { bare, watched }] of Object.entries(stepsOf(tracing))) {
    const extra = Math.max(0, (await cost(watched)) - (await cost(bare)));
    sum += extra;
    console.log(`  ${step.padEnd(18)} ${extra.toFixed(2)}`);
  }
  console.log(`  ${'sum'.padEnd(18)} ${sum.toFixed(2)}`);
  await tracing?.stop();
}
