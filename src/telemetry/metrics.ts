import {
  Counter,
  type CounterConfiguration,
  collectDefaultMetrics,
  Gauge,
  type GaugeConfiguration,
  Histogram,
  Registry,
} from 'prom-client';

/** What a scrape is answered with. */
export interface Exposition {
  readonly contentType: string;
  readonly body: string;
}

/** A process' metrics: one registry, shared by the roles that run in it. */
export interface Metrics {
  /** Counts; `known` label values are there from the start, so that the first increase is seen by `rate`. */
  counter<L extends string>(
    config: Omit<CounterConfiguration<L>, 'registers'>,
    known?: readonly Record<L, string>[],
  ): Counter<L>;
  histogram<L extends string>(config: HistogramConfig<L>): Histogram<L>;
  /** With `collect`, its value is asked for at each scrape. */
  gauge<L extends string>(config: Omit<GaugeConfiguration<L>, 'registers'>): Gauge<L>;
  /** In Prometheus' text format, version 0.0.4. */
  expose(): Promise<Exposition>;
}

interface HistogramConfig<L extends string> {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly L[];
  readonly buckets: readonly number[];
}

/** Seconds: from a call on loopback to a delivery that waited out a deploy. */
export const LATENCY_BUCKETS = [0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120, 600];

/** Seconds of a single call. */
export const CALL_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 30];

/** Gauges that prom-client names as if they were counters; what they show (handles by kind) is seen in their siblings. */
const MISNAMED = ['nodejs_active_handles_total', 'nodejs_active_requests_total', 'nodejs_active_resources_total'];

/** Makes the registry with what every Node process has: CPU, memory, event-loop delay, garbage collection. */
export function createMetrics(version: string): Metrics {
  const registry = new Registry();
  const registers = [registry];
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 20 });
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  new Gauge({
    name: 'postrider_build_info',
    help: 'Always 1; the version is in the label.',
    labelNames: ['version'],
    registers,
  }).set({ version }, 1);

  return {
    counter(config, known = []) {
      const counter = new Counter({ ...config, registers });
      for (const labels of known) counter.inc(labels, 0);
      return counter;
    },
    histogram: ({ labelNames = [], buckets, ...config }) =>
      new Histogram({ ...config, labelNames: [...labelNames], buckets: [...buckets], registers }),
    gauge: (config) => new Gauge({ ...config, registers }),
    expose: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Seconds since a reading of `performance.now()`. */
export const secondsSince = (startedAt: number): number => (performance.now() - startedAt) / 1000;
