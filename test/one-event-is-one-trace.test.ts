import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { readConfig } from '../src/config.ts';
import { createTelemetry, startTelemetry } from '../src/telemetry/index.ts';
import { startTracing } from '../src/telemetry/tracing.ts';
import { startInProcess } from './support/in-process.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { until } from './support/until.ts';

const CALLER = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const CALLERS_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

const exporter = new InMemorySpanExporter();
let service: Awaited<ReturnType<typeof startInProcess>>;
let receiver: Receiver;

beforeAll(async () => {
  const settings = { serviceName: 'test', version: '0', exporter: 'otlp', sampler: 'always_on', ratio: 1 } as const;
  const tracing = await startTracing(settings, new SimpleSpanProcessor({ exporter }));
  service = await startInProcess(createTelemetry('0', tracing));
  receiver = await startReceiver();
});
afterAll(async () => {
  await service.stop();
  await receiver.close();
});

const spansOf = (traceId: string) =>
  exporter
    .getFinishedSpans()
    .filter((span) => span.spanContext().traceId === traceId)
    .sort((a, b) => toMs(a.startTime) - toMs(b.startTime));

const toMs = ([seconds, nanos]: readonly [number, number]): number => seconds * 1e3 + nanos / 1e6;

const traceIdOf = (eventId: string) =>
  exporter
    .getFinishedSpans()
    .find(({ name, attributes }) => name === 'accept' && attributes['postrider.event.id'] === eventId)
    ?.spanContext().traceId;

/** The spans as a tree, one a line. */
function draw(spans: readonly ReadableSpan[], parent?: string, depth = 0): string[] {
  const ids = new Set(spans.map((span) => span.spanContext().spanId));
  return spans
    .filter(({ parentSpanContext }) =>
      parent === undefined
        ? !parentSpanContext || !ids.has(parentSpanContext.spanId)
        : parentSpanContext?.spanId === parent,
    )
    .flatMap((span) => [
      `${'  '.repeat(depth)}${span.name} ${toMs(span.duration).toFixed(1)} ms`,
      ...draw(spans, span.spanContext().spanId, depth + 1),
    ]);
}

const publish = async (partnerId: string, headers = {}) => {
  const event = { partnerId, type: 'order.created', data: { orderId: 1 } };
  const { body } = await service.call<{ id: string }>('POST', '/v1/events', event, headers);
  return body.id;
};

it('accept, publish, receive, persist, attempt and record share one trace id, and a retry joins them', async () => {
  receiver.answer('/flaky', (_arrival, nth) => (nth === 1 ? 503 : 200));
  await service.addSubscription('acme', `${receiver.url}/flaky`);
  const eventId = await publish('acme', { traceparent: CALLER });
  await until(
    () => spansOf(CALLERS_TRACE).filter(({ name }) => name === 'record').length,
    (records) => records === 2,
  );
  await until(
    () => spansOf(CALLERS_TRACE).some(({ name }) => name === 'POST /v1/events'),
    (ended) => ended,
  );

  const spans = spansOf(CALLERS_TRACE);
  console.log(`trace ${CALLERS_TRACE}\n${draw(spans).join('\n')}`);
  expect(spans.map(({ name }) => name)).toEqual([
    'POST /v1/events',
    'accept',
    'publish',
    'receive',
    'process',
    'persist',
    'attempt',
    'record',
    'attempt',
    'record',
  ]);
  const parents = spans.map(({ parentSpanContext }) => {
    const parent = spans.find((span) => span.spanContext().spanId === parentSpanContext?.spanId);
    return parent?.name ?? parentSpanContext?.spanId;
  });
  expect(parents).toEqual([
    '00f067aa0ba902b7',
    'POST /v1/events',
    'accept',
    'publish',
    'receive',
    'process',
    'process',
    'process',
    'process',
    'process',
  ]);
  const attempts = spans.filter(({ name }) => name === 'attempt');
  expect(attempts.map(({ attributes }) => attributes)).toMatchObject([
    { 'postrider.event.id': eventId, 'postrider.attempt.number': 1, 'http.response.status_code': 503 },
    { 'postrider.event.id': eventId, 'postrider.attempt.number': 2, 'http.response.status_code': 200 },
  ]);
});

it('receivers are not told of our traces', () => {
  expect(receiver.arrivals.length).toBeGreaterThan(0);
  for (const { headers } of receiver.arrivals) expect(headers).not.toHaveProperty('traceparent');
});

it('each event of a batch has a trace of its own, linked to its request, and its statements are linked to it', async () => {
  await service.addSubscription('batcher', `${receiver.url}/batch`);
  const events = [1, 2, 3].map((n) => ({ partnerId: 'batcher', type: 'a.b', data: n }));
  const { body } = await service.call<{ data: { id: string }[] }>('POST', '/v1/events/batch', { events });
  const traces = await until(
    () => body.data.map(({ id }) => traceIdOf(id)),
    (ids) => ids.every((id) => id !== undefined),
  );
  expect(new Set(traces).size).toBe(3);
  await until(
    () => traces.map((id) => spansOf(id as string).filter(({ name }) => name === 'record').length),
    (records) => records.every((count) => count === 1),
  );
  const all = exporter.getFinishedSpans();
  const request = await until(
    () => exporter.getFinishedSpans().find(({ name }) => name === 'POST /v1/events/batch'),
    (span) => span !== undefined,
  );
  for (const traceId of traces) {
    const [accept] = spansOf(traceId as string);
    expect(accept?.name).toBe('accept');
    expect(accept?.links.map(({ context }) => context.spanId)).toEqual([request?.spanContext().spanId]);
    for (const [step, statement] of [
      ['publish', 'PublishBatch'],
      ['persist', 'persist batch'],
      ['record', 'record batch'],
    ]) {
      const span = spansOf(traceId as string).find(({ name }) => name === step);
      const linked = all.filter(
        ({ name, links }) =>
          name === statement && links.some(({ context }) => context.spanId === span?.spanContext().spanId),
      );
      expect(linked, `${statement} of ${traceId}`).toHaveLength(1);
    }
  }
});

it('a caller that does not sample is heeded', async () => {
  const unsampled = CALLER.replace('4bf9', '5bf9').replace(/-01$/, '-00');
  const settings = { serviceName: 't', version: '0', exporter: 'otlp', ratio: 1 } as const;
  const own = new InMemorySpanExporter();
  const processor = new SimpleSpanProcessor({ exporter: own });
  const tracing = await startTracing({ ...settings, sampler: 'parentbased_always_on' }, processor);
  const parent = tracing.remote(unsampled);
  expect(parent).toBeDefined();
  if (parent) {
    const { span, context } = tracing.start('accept', { parent });
    expect(tracing.traceparent(context)).toMatch(/^00-5bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-00$/);
    span.end();
  }
  expect(own.getFinishedSpans()).toEqual([]);
  await tracing.stop();
});

it('spans reach a collector that the environment names, over OTLP', async () => {
  const { promise: arrived, resolve } = Promise.withResolvers<string>();
  const collector = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    resolve(`${request.url} ${Buffer.concat(chunks)}`);
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((listening) => collector.listen(0, '127.0.0.1', listening));
  vi.stubEnv('OTEL_EXPORTER_OTLP_ENDPOINT', `http://127.0.0.1:${(collector.address() as AddressInfo).port}`);
  const { tracing, stop } = await startTelemetry('1', readConfig(process.env, 'all').tracing);
  vi.unstubAllEnvs();
  tracing?.start('accept').span.end();
  await stop(); // sends what is left
  expect(await arrived).toMatch(/^\/v1\/traces .*"postrider".*"accept"/);
  collector.close();
});
