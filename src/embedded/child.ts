import { type ChildProcess, fork } from 'node:child_process';
import { extname } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Log } from './log.ts';

/** A child process that is up and serving. */
export interface Running<Ready> {
  /** What it said when it was ready. */
  readonly ready: Ready;
  readonly pid: number;
  /** Resolves when the process has ended, with how it ended. Never rejects. */
  readonly exited: Promise<string>;
  /** Ends it: asks first, SIGKILL after `stopTimeoutMs`. Resolves when it has ended; may be called again. */
  stop(): Promise<void>;
}

export interface ChildTask {
  /** What the logs call it. */
  name: string;
  /** The module to run, which uses `parent.ts`. */
  module: URL;
  /** Handed over as JSON. Visible in the process list: no secrets. */
  options: object;
  /** Milliseconds until it must be ready. Default 60,000. */
  startTimeoutMs?: number;
  /** Milliseconds between asking it to end and SIGKILL. */
  stopTimeoutMs: number;
  log: Log;
  /** Aborting it ends a child that is not ready yet. */
  signal: AbortSignal;
}

/** The module beside the one that asks: `.ts` as it was written, or `.js` once it is compiled. */
export const moduleBeside = (importer: string, name: string): URL => new URL(`./${name}${extname(importer)}`, importer);

// Postgres replays its log before it accepts connections, which after a crash under load takes some seconds.
const START_TIMEOUT_MS = 60_000;

/** Lines of the child's stderr that an error quotes. */
const QUOTED_LINES = 12;

/**
 * Runs a module in a child process of its own and waits until it is ready.
 *
 * @throws with the last lines it wrote, when it ends before it is ready, or is not ready in time
 */
export async function launchChild<Ready>(task: ChildTask): Promise<Running<Ready>> {
  const child = spawnChild(task);
  const lines = relayLines(child, task);
  const exited = untilExit(child);
  const stop = stopper(child, exited, task.stopTimeoutMs);
  const signal = AbortSignal.any([task.signal, AbortSignal.timeout(task.startTimeoutMs ?? START_TIMEOUT_MS)]);
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) await stop();
    const ready = await Promise.race([untilReady<Ready>(child), exited.then(fail(task.name, lines))]);
    return { ready, pid: child.pid as number, exited, stop };
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function spawnChild(task: ChildTask): ChildProcess {
  return fork(fileURLToPath(task.module), [JSON.stringify(task.options)], {
    // A session of its own: Ctrl-C in a terminal goes to the whole process group, and would end the services while the
    // parent is still finishing its work with them.
    detached: process.platform !== 'win32',
    execArgv: ['--disable-warning=ExperimentalWarning'],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
}

function relayLines(child: ChildProcess, task: ChildTask): string[] {
  const lines: string[] = [];
  if (child.stderr === null) return lines;
  createInterface({ input: child.stderr }).on('line', (line) => {
    task.log.debug({ service: task.name }, line);
    lines.push(line);
    if (lines.length > QUOTED_LINES) lines.shift();
  });
  return lines;
}

/** Not the `close` event: Node 26 never emits it once the parent has called `disconnect`. */
function untilExit(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) => {
      const how = signal === null ? `exit code ${code}` : `signal ${signal}`;
      if (child.stderr === null || child.stderr.closed) resolve(how);
      else child.stderr.once('close', () => resolve(how)); // its last words are still on their way
    });
  });
}

function untilReady<Ready>(child: ChildProcess): Promise<Ready> {
  return new Promise((resolve) => {
    child.once('message', (message) => resolve((message as { ready: Ready }).ready));
  });
}

function fail(name: string, lines: string[]) {
  return (how: string): never => {
    throw new Error([`${name} did not start (${how})`, ...lines].join('\n'));
  };
}

function stopper(child: ChildProcess, exited: Promise<string>, timeoutMs: number): () => Promise<void> {
  return async () => {
    if (child.connected) child.disconnect();
    const timer = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await exited;
    clearTimeout(timer);
  };
}
