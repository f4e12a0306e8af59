import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { launchChild, moduleBeside, type Running } from './child.ts';
import type { EmulatorChildOptions } from './emulator-child.ts';
import { takeLock } from './lock.ts';
import { type Log, silent } from './log.ts';
import { rememberedPort, rememberPort } from './ports.ts';
import { type Supervised, supervise } from './supervisor.ts';

export interface EmulatorOptions {
  /** Where topics, queues and messages are kept. Without it they live in memory, and a restart forgets them all. */
  dataDir?: string | undefined;
  /** The port of 127.0.0.1 to listen on; by default the one of the last start, or else any free one. */
  port?: number | undefined;
  log?: Log | undefined;
  /** Called when the emulator is up again after it had died; one in memory then has no topics and queues. */
  onRestart?: ((name: string) => void) | undefined;
}

/** A running emulator of Amazon SNS and SQS. */
export interface Emulator {
  /** What the AWS SDK takes as `endpoint`. Any credentials do. */
  readonly endpoint: string;
  /** The process that serves, for tests and logs. */
  readonly pid: number;
  /** Ends it. Resolves when it has ended; may be called again. */
  stop(): Promise<void>;
}

/** Milliseconds; the child gives itself one second. */
const STOP_TIMEOUT_MS = 3_000;

interface Ready {
  port: number;
}

/**
 * Starts an emulator of SNS and SQS on 127.0.0.1, in a child process that ends with this one and is restarted, on the same
 * port, when it dies.
 *
 * @throws {LockedError} when another process uses the same `dataDir`
 * @throws when it does not come up
 */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  if (options.dataDir === undefined) return emulator(await supervised(options), () => {});
  const dataDir = resolve(options.dataDir);
  await mkdir(join(dataDir, 'emulator'), { recursive: true, mode: 0o700 });
  const lock = takeLock(join(dataDir, 'emulator.lock'), dataDir);
  try {
    const portFile = join(dataDir, 'emulator.port');
    const port = options.port ?? (await rememberedPort(portFile));
    const service = await supervised({ ...options, dataDir: join(dataDir, 'emulator') }, port);
    await rememberPort(portFile, service.ready.port);
    return emulator(service, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** `lastPort` is a preference; `options.port` and, once the emulator has been up, its port are not. */
function supervised(options: EmulatorOptions, lastPort?: number): Promise<Supervised<Ready>> {
  const { log = silent, onRestart } = options;
  let port = options.port;
  const launch = async (signal: AbortSignal): Promise<Running<Ready>> => {
    const childOptions: EmulatorChildOptions = {
      dataDir: options.dataDir,
      port: port ?? lastPort,
      mayMove: port === undefined,
    };
    const module = moduleBeside(import.meta.url, 'emulator-child');
    const task = { name: 'emulator', module, options: childOptions, stopTimeoutMs: STOP_TIMEOUT_MS, log, signal };
    const child = await launchChild<Ready>(task);
    port = child.ready.port;
    return child;
  };
  return supervise({ name: 'emulator', launch, log, onRestart });
}

function emulator(service: Supervised<Ready>, release: () => void): Emulator {
  return {
    endpoint: `http://127.0.0.1:${service.ready.port}`,
    get pid() {
      return service.pid;
    },
    stop: () => service.stop().finally(release),
  };
}
