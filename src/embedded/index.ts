/** Postgres and SNS/SQS for laptops and tests: child processes that end with this one, restarted when they die. */
import { type Emulator, startEmulator } from './emulator.ts';
import type { Log } from './log.ts';
import { type Postgres, startPostgres } from './postgres.ts';

export { findBinaries } from './binaries.ts';
export { type Emulator, startEmulator } from './emulator.ts';
export { LockedError } from './lock.ts';
export { existingKeys, ownKeys } from './own-keys.ts';
export { type Postgres, startPostgres } from './postgres.ts';

export interface EmbeddedOptions {
  /** Where both keep their data. One process at a time. */
  dataDir: string;
  /** Postgres settings, such as `{ fsync: 'off' }` for tests. By default everything committed is on the disk. */
  settings?: Record<string, string> | undefined;
  /** Keep topics, queues and messages in memory only, which is about five times as fast; for benchmarks. */
  queuesInMemory?: boolean | undefined;
  log?: Log | undefined;
  /** Called with `postgres` or `emulator` when that service is up again after it had died. */
  onRestart?: ((name: string) => void) | undefined;
}

/** Both services, running. */
export interface Embedded {
  /** With user and password; both stay the same over restarts. */
  readonly databaseUrl: string;
  /** What the AWS SDK takes as `endpoint`. Any region and credentials do. */
  readonly awsEndpoint: string;
  /** The processes of the emulator and of Postgres's guard, for tests and logs. */
  children(): number[];
  /** Ends the emulator, then Postgres. Resolves when both have ended; may be called again. */
  stop(): Promise<void>;
}

/**
 * Starts both services. Their data survives even a SIGKILL of all processes.
 *
 * @throws {LockedError} when another process uses the same `dataDir`
 * @throws when one of the two does not come up; the other is stopped first
 */
export async function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  const queues = { ...options, dataDir: options.queuesInMemory ? undefined : options.dataDir };
  const [postgres, emulator] = await Promise.allSettled([startPostgres(options), startEmulator(queues)]);
  if (postgres.status === 'fulfilled' && emulator.status === 'fulfilled') return both(postgres.value, emulator.value);
  for (const started of [emulator, postgres]) if (started.status === 'fulfilled') await started.value.stop();
  throw postgres.status === 'rejected' ? postgres.reason : (emulator as PromiseRejectedResult).reason;
}

function both(postgres: Postgres, emulator: Emulator): Embedded {
  return {
    databaseUrl: postgres.url,
    awsEndpoint: emulator.endpoint,
    children: () => [emulator.pid, postgres.pid],
    stop: async () => {
      await emulator.stop();
      await postgres.stop();
    },
  };
}
