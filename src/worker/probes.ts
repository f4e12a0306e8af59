import type { HotStore } from '../store/hot-store.ts';
import { createReadiness } from '../store/readiness.ts';
import { startProbeServer } from '../telemetry/index.ts';
import type { WorkerContext } from './context.ts';

export interface Probes {
  /** Whether the worker does its work: until it is told so, it is not ready. */
  turn(isRunning: boolean): void;
}

/** /health, /ready and /metrics on METRICS_PORT; from the beginning, so that it can be seen what the start waits for. */
export async function startProbes(worker: WorkerContext, store: HotStore): Promise<Probes> {
  const { config, telemetry, log } = worker;
  let isRunning = false;
  const turn = (value: boolean) => {
    isRunning = value;
  };
  const { metricsPort: port, host } = config;
  if (port === 0) return { turn };
  const database = createReadiness(store.pool, (error) => log.warn({ err: error }, 'readiness.failed'));
  const consumers = () => (isRunning ? { ok: true } : { ok: false, detail: 'the worker is starting or stopping' });
  const readiness = async () => [...(await database()), { name: 'consumers', ...consumers() }];
  const server = await startProbeServer({ host, port, expose: telemetry.expose, readiness });
  await worker.lifecycle.start({ name: 'probes', stop: server.stop });
  log.info({ metrics: `${server.url}/metrics` }, 'worker.probes');
  return { turn };
}
