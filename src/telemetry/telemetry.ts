import { measureListeners } from './measured-listener.ts';
import { watchPools } from './measured-store.ts';
import { createMetrics, type Exposition, type Metrics } from './metrics.ts';
import { startTracing, type Tracing, type TracingSettings } from './tracing.ts';

/** What a process tells of itself: one for all roles that run in it. */
export interface Telemetry {
  readonly metrics: Metrics;
  /** Null: off. */
  readonly tracing: Tracing | null;
  readonly pool: ReturnType<typeof watchPools>;
  readonly listener: ReturnType<typeof measureListeners>;
  expose(): Promise<Exposition>;
  /** The id of the trace that the running code belongs to, for log lines; undefined where traces are off. */
  readonly traceId: (() => string | undefined) | undefined;
  stop(): Promise<void>;
}

/** @param settings null: no traces, and nothing of OpenTelemetry is loaded */
export async function startTelemetry(
  version: string,
  settings: Omit<TracingSettings, 'version'> | null,
): Promise<Telemetry> {
  return createTelemetry(version, settings && (await startTracing({ ...settings, version })));
}

/** As {@link startTelemetry}, with traces that are there already. */
export function createTelemetry(version: string, tracing: Tracing | null): Telemetry {
  const metrics = createMetrics(version);
  return {
    metrics,
    tracing,
    pool: watchPools(metrics),
    listener: measureListeners(metrics),
    expose: metrics.expose,
    traceId: tracing?.traceId,
    stop: async () => {
      await tracing?.stop();
    },
  };
}
