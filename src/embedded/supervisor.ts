import { setTimeout as delay } from 'node:timers/promises';
import type { Running } from './child.ts';
import type { Log } from './log.ts';

export interface Supervision<Ready> {
  /** What the logs call the service. */
  name: string;
  /** Starts the service once; must reject when it does not come up. The signal is aborted by `stop`. */
  launch(signal: AbortSignal): Promise<Running<Ready>>;
  log: Log;
  /** Called each time the service is up again after it had died. */
  onRestart?: ((name: string) => void) | undefined;
}

/** A service that is started again whenever it dies. */
export interface Supervised<Ready> {
  /** What the service said at its first start. */
  readonly ready: Ready;
  /** The process that serves now, or served last. */
  readonly pid: number;
  /** Ends the service for good. Resolves when it has ended; calling it again waits for the same. */
  stop(): Promise<void>;
}

/** Tries at the first start: what a killed predecessor leaves behind (shared memory, a port) is gone within a second. */
const FIRST_TRIES = 5;
const SHORTEST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 5_000;
/** A service that has lived this long has earned a quick restart again. */
const STABLE_AFTER_MS = 10_000;

/**
 * Starts a service and keeps it running: when it dies it is started again, after 50 ms, doubled with every failure in a
 * row up to 5 s, for as long as it takes.
 *
 * @throws the last error, when the first start fails five times
 */
export async function supervise<Ready>(supervision: Supervision<Ready>): Promise<Supervised<Ready>> {
  const stopping = new AbortController();
  const first = await tryFirst(supervision, stopping.signal);
  let current = first;
  const ended = keepAlive(supervision, first, stopping.signal, (next) => {
    current = next;
  });
  const end = async () => {
    stopping.abort();
    await current.stop();
    await ended;
  };
  let stopped: Promise<void> | undefined;
  return {
    ready: first.ready,
    get pid() {
      return current.pid;
    },
    stop() {
      stopped ??= end();
      return stopped;
    },
  };
}

async function tryFirst<Ready>(
  { name, launch, log }: Supervision<Ready>,
  signal: AbortSignal,
): Promise<Running<Ready>> {
  for (let failures = 1; ; failures++) {
    try {
      return await launch(signal);
    } catch (error) {
      if (failures === FIRST_TRIES) throw error;
      log.debug({ service: name, err: error, failures }, `${name} did not start, trying again`);
      await delay(pauseMs(failures));
    }
  }
}

async function keepAlive<Ready>(
  supervision: Supervision<Ready>,
  first: Running<Ready>,
  signal: AbortSignal,
  changeTo: (next: Running<Ready>) => void,
): Promise<void> {
  const { name, log, onRestart } = supervision;
  let current: Running<Ready> | undefined = first;
  let failures = 0;
  while (current !== undefined) {
    const since = performance.now();
    const how = await current.exited;
    if (signal.aborted) return;
    failures = performance.now() - since > STABLE_AFTER_MS ? 1 : failures + 1;
    log.warn({ service: name, how }, `${name} died, starting it again`);
    current = await relaunch(supervision, signal, failures);
    if (current === undefined) return;
    changeTo(current);
    log.info({ service: name, pid: current.pid }, `${name} is back`);
    onRestart?.(name);
  }
}

/** Undefined when the supervision ended before the service was back. */
async function relaunch<Ready>(
  { name, launch, log }: Supervision<Ready>,
  signal: AbortSignal,
  failuresBefore: number,
): Promise<Running<Ready> | undefined> {
  for (let failures = failuresBefore; !signal.aborted; failures++) {
    try {
      await delay(pauseMs(failures), undefined, { signal });
      const next = await launch(signal);
      if (!signal.aborted) return next;
      await next.stop();
    } catch (error) {
      if (!signal.aborted)
        log.error({ service: name, err: error, failures }, `${name} does not come back, trying again`);
    }
  }
  return undefined;
}

/** Milliseconds to wait after this many failures in a row. */
function pauseMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, SHORTEST_PAUSE_MS * 2 ** (failures - 1));
}
