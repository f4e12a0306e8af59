import type { Lifecycle } from '../lifecycle.ts';
import type { RoleOptions } from '../role.ts';
import { watchWorker } from '../telemetry/index.ts';

/** What all parts of a worker are built with. */
export interface WorkerContext extends RoleOptions {
  readonly lifecycle: Lifecycle;
  /** Wraps what the parts hand around, to measure and trace it. */
  readonly watch: ReturnType<typeof watchWorker>;
  /** Aborted when a stop waits for Postgres no longer. */
  readonly stopping: AbortController;
  /** Postgres is away, and a call to it is repeated until it is back. */
  onRetry(error: Error, attempt: number): void;
}

export function createContext(lifecycle: Lifecycle, options: RoleOptions): WorkerContext {
  const { telemetry, transport, log } = options;
  const lanes = transport.lanes.map(({ name }) => name);
  return {
    ...options,
    lifecycle,
    watch: watchWorker(telemetry, lanes),
    stopping: new AbortController(),
    onRetry: (error, attempt) => log.warn({ err: error, attempt }, 'store.waiting'),
  };
}
