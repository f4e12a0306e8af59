import type { Attributes, Context, Span, SpanKind, SpanOptions } from '@opentelemetry/api';
import type { SpanExporter, SpanProcessor } from '@opentelemetry/sdk-trace';

/** How traces are made; where they go is the exporter's own settings (OTEL_EXPORTER_OTLP_*). */
export interface TracingSettings {
  readonly serviceName: string;
  readonly version: string;
  readonly exporter: 'otlp' | 'console';
  readonly sampler: SamplerName;
  /** Share of the traces kept by samplers with `traceidratio`. */
  readonly ratio: number;
}

/** The values of OTEL_TRACES_SAMPLER that are known. */
export type SamplerName =
  | 'always_on'
  | 'always_off'
  | 'traceidratio'
  | 'parentbased_always_on'
  | 'parentbased_always_off'
  | 'parentbased_traceidratio';

/** A span and the context in which it is the current one. */
export interface Started {
  readonly span: Span;
  readonly context: Context;
}

type Kind = Lowercase<keyof typeof SpanKind>;

export interface StartOptions extends Omit<SpanOptions, 'kind' | 'links' | 'root'> {
  readonly kind?: Kind;
  /** Default: the active context. */
  readonly parent?: Context;
  /** Contexts whose spans this one is linked to. */
  readonly links?: readonly Context[];
}

/** Traces of this process. Nothing is global: who wants to trace has one of these. */
export interface Tracing {
  readonly root: Context;
  active(): Context;
  /** Runs a call, and all that it starts, in a context. */
  run<T>(context: Context, call: () => T): T;
  start(name: string, options?: StartOptions): Started;
  /** Runs a call within a span that ends with it; a rejection is the span's error. */
  within<T>(name: string, options: StartOptions, call: (started: Started) => Promise<T>): Promise<T>;
  spanOf(context: Context): Span | undefined;
  fail(span: Span, message: string): void;
  /** Of a W3C `traceparent`; undefined when it is none. */
  remote(traceparent: string | null | undefined): Context | undefined;
  /** The W3C `traceparent` of a context; undefined outside of any span. */
  traceparent(context: Context): string | undefined;
  traceId(): string | undefined;
  /** Sends what is left. */
  stop(): Promise<void>;
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** Everything of OpenTelemetry is loaded here, and so only where traces are wanted. */
const load = () =>
  Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
  ] as const);

type Sdk = Awaited<ReturnType<typeof load>>[1];

/**
 * Starts tracing.
 *
 * @param processor takes the spans; left out: they are exported in batches
 */
export async function startTracing(settings: TracingSettings, processor?: SpanProcessor): Promise<Tracing> {
  const [api, sdk, { AsyncLocalStorageContextManager }, resources] = await load();
  const { serviceName, version } = settings;
  const resource = resources
    .defaultResource()
    .merge(resources.detectResources({ detectors: [resources.envDetector] }))
    .merge(resources.resourceFromAttributes({ 'service.name': serviceName, 'service.version': version }));
  const spanProcessors = [processor ?? new sdk.BatchSpanProcessor({ exporter: await exporterOf(settings, sdk) })];
  const provider = new sdk.TracerProvider({ resource, sampler: samplerOf(settings, sdk), spanProcessors });
  const tracer = provider.getTracer('postrider', version);
  const manager = new AsyncLocalStorageContextManager().enable();
  const { trace, SpanKind, SpanStatusCode, ROOT_CONTEXT, isSpanContextValid } = api;

  const contextOf = (span: Span, parent: Context): Started => ({ span, context: trace.setSpan(parent, span) });
  const fail = (span: Span, message: string) => void span.setStatus({ code: SpanStatusCode.ERROR, message });

  function start(
    name: string,
    { kind, parent = manager.active(), links = [], ...options }: StartOptions = {},
  ): Started {
    const linked = links.flatMap((context) => trace.getSpanContext(context) ?? []);
    const full: SpanOptions = { ...options, links: linked.map((context) => ({ context })) };
    if (kind) full.kind = SpanKind[kind.toUpperCase() as Uppercase<Kind>];
    return contextOf(tracer.startSpan(name, full, parent), parent);
  }

  return {
    root: ROOT_CONTEXT,
    active: () => manager.active(),
    run: (context, call) => manager.with(context, call),
    start,
    async within(name, options, call) {
      const started = start(name, options);
      try {
        return await manager.with(started.context, () => call(started));
      } catch (error) {
        fail(started.span, error instanceof Error ? error.message : String(error));
        throw error;
      } finally {
        started.span.end();
      }
    },
    spanOf: (context) => trace.getSpan(context),
    fail,
    remote(traceparent) {
      const [, traceId = '', spanId = '', flags = ''] = TRACEPARENT.exec(traceparent ?? '') ?? [];
      const context = { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
      return isSpanContextValid(context) ? trace.setSpanContext(ROOT_CONTEXT, context) : undefined;
    },
    traceparent(context) {
      const found = trace.getSpanContext(context);
      if (!found || !isSpanContextValid(found)) return undefined;
      return `00-${found.traceId}-${found.spanId}-0${found.traceFlags & 1}`;
    },
    traceId: () => trace.getSpanContext(manager.active())?.traceId,
    async stop() {
      manager.disable();
      await provider.shutdown();
    },
  };
}

async function exporterOf({ exporter }: TracingSettings, sdk: Sdk): Promise<SpanExporter> {
  if (exporter === 'console') return new sdk.ConsoleSpanExporter();
  const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
  return new OTLPTraceExporter();
}

function samplerOf({ sampler, ratio }: TracingSettings, sdk: Sdk) {
  const name = sampler.replace('parentbased_', '');
  const root = {
    always_on: () => new sdk.AlwaysOnSampler(),
    always_off: () => new sdk.AlwaysOffSampler(),
    traceidratio: () => new sdk.TraceIdRatioBasedSampler(ratio),
  }[name as 'always_on' | 'always_off' | 'traceidratio']();
  return sampler.startsWith('parentbased_') ? new sdk.ParentBasedSampler({ root }) : root;
}

/** Our ids as attributes of a span; what is not known yet is left out. */
export function idAttributes(ids: {
  readonly eventId?: string;
  readonly deliveryId?: string;
  readonly partnerId?: string;
  readonly subscriptionId?: string;
}): Attributes {
  const attributes: Attributes = {};
  if (ids.eventId) attributes['postrider.event.id'] = ids.eventId;
  if (ids.deliveryId) attributes['postrider.delivery.id'] = ids.deliveryId;
  if (ids.partnerId) attributes['postrider.partner.id'] = ids.partnerId;
  if (ids.subscriptionId) attributes['postrider.subscription.id'] = ids.subscriptionId;
  return attributes;
}
