/** Milliseconds. */
export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  readonly count: number;
}

export interface Sustained {
  readonly events: number;
  readonly perSecond: number;
  readonly cpuUsPerEvent: Readonly<Record<string, number>>;
  readonly latency: Latency;
}

export interface Results {
  readonly at: string;
  readonly node: string;
  readonly floorUsPerPost: number;
  readonly at100: Latency;
  readonly at500: Latency;
  readonly single: Sustained;
  readonly batch: Sustained;
  readonly acceptPerSecond: number;
  readonly acceptFailed: number;
  readonly postgresBytesPerEvent: number;
  readonly workerOverFloor: number;
}

export function latency(values: readonly number[]): Latency {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), max: at(1), count: sorted.length };
}

const ms = (value: number) => `${value.toFixed(1)} ms`;
const us = (value: number | undefined) => `${(value ?? Number.NaN).toFixed(0)} µs`;
const whole = (value: number) => Math.round(value).toLocaleString('en-US');

/** The results as a table for people. */
export function report(results: Results): string {
  const { single, batch, at100, at500 } = results;
  const rows: [string, string][] = [
    ['sustained, one HTTP call an event', `${whole(single.perSecond)} events/s`],
    ['sustained, 100 events a call', `${whole(batch.perSecond)} events/s`],
    ['accepted through /v1/events/batch (worker stopped)', `${whole(results.acceptPerSecond)} events/s`],
    ['publish → arrival at 100/s, p50 / p99', `${ms(at100.p50)} / ${ms(at100.p99)}`],
    ['publish → arrival at 500/s, p50 / p99', `${ms(at500.p50)} / ${ms(at500.p99)}`],
    ...Object.entries(single.cpuUsPerEvent).map(([name, value]): [string, string] => [
      `CPU per event: ${name}`,
      `${us(value)} (by batch ${us(batch.cpuUsPerEvent[name])})`,
    ]),
    ['floor: undici Pool.dispatch alone', `${us(results.floorUsPerPost)} per POST`],
    ['worker ÷ floor', results.workerOverFloor.toFixed(2)],
    ['Postgres bytes per event', whole(results.postgresBytesPerEvent)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}
