import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/** Something that is started and stopped. Both may be called twice. */
export interface Part {
  readonly name: string;
  start?(): void | Promise<void>;
  /** @param leftMs what is left of the grace when this part's turn comes */
  stop(leftMs: number): void | Promise<void>;
}

export interface Lifecycle {
  /** Starts a part now, and remembers it for the stop. Rejects once the stop has begun. */
  start(part: Part): Promise<void>;
  /** Stops all parts, last started first. A second call changes nothing and resolves with the first. */
  stop(graceMs: number): Promise<void>;
}

/** A part that does not stop is not waited for until the end: those below it have things to put in order as well. */
const SHARE_OF_LEFT = 0.95;

/** Keeps what runs, in order. */
function createLifecycle(log: Logger): Lifecycle {
  const running: Part[] = [];
  let stopped: Promise<void> | undefined;

  async function stopAll(graceMs: number): Promise<void> {
    const deadline = performance.now() + graceMs;
    for (const part of running.toReversed()) {
      const since = performance.now();
      try {
        const leftMs = Math.max(0, deadline - since);
        await Promise.race([part.stop(leftMs), delay(leftMs * SHARE_OF_LEFT, undefined, { ref: false })]);
        log.debug({ part: part.name, ms: Math.round(performance.now() - since) }, 'part.stopped');
      } catch (error) {
        log.error({ part: part.name, err: error }, 'part.stop_failed');
      }
    }
  }

  return {
    async start(part) {
      if (stopped) throw new Error(`${part.name} is not started: the process is stopping`);
      running.push(part);
      await part.start?.();
    },
    stop: (graceMs) => {
      stopped ??= stopAll(graceMs);
      return stopped;
    },
  };
}

/**
 * Runs a process: builds it, and on SIGTERM or SIGINT stops it and exits with 0. A second signal changes nothing. A start that
 * fails says why and exits with 1.
 *
 * @param build starts the parts
 * @param graceMs after so long the process exits with 1 even if a part has not stopped
 */
export async function runProcess(
  log: Logger,
  graceMs: number,
  build: (lifecycle: Lifecycle) => Promise<void>,
): Promise<void> {
  const lifecycle = createLifecycle(log);
  let isStopping = false;
  const stop = (signal: NodeJS.Signals) => {
    isStopping = true;
    log.info({ signal }, 'process.stopping');
    setTimeout(() => {
      log.error({ graceMs }, 'process.grace_exceeded');
      process.exit(1);
    }, graceMs).unref();
    void lifecycle.stop(graceMs).then(() => {
      log.info('process.stopped');
      process.exit(0);
    });
  };
  process.once('SIGTERM', stop).once('SIGINT', stop);
  // Later signals find the stop under way; without a listener they would kill the process in the middle of it.
  process.on('SIGTERM', () => undefined).on('SIGINT', () => undefined);
  try {
    await build(lifecycle);
  } catch (error) {
    if (isStopping) return; // what fails now was still starting: the stop goes on, and ends the process
    log.fatal({ err: error }, 'process.start_failed');
    await lifecycle.stop(graceMs);
    process.exit(1);
  }
}
