import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Binaries, chooseRunner, findBinaries, letThrough, type RootMode, type Runner } from './binaries.ts';
import { launchChild, moduleBeside } from './child.ts';
import { type Cluster, openCluster, USER } from './cluster.ts';
import type { GuardOptions } from './guard.ts';
import { takeLock } from './lock.ts';
import { type Log, silent } from './log.ts';
import { stopOrphan } from './orphan.ts';
import { freePort, rememberedPort, rememberPort } from './ports.ts';
import { type Supervised, supervise } from './supervisor.ts';

export interface PostgresOptions {
  /** Where the database is kept: its files in `postgres/`, with the generated password in `postgres/postrider.password`. */
  dataDir: string;
  /** The port of 127.0.0.1 to listen on; by default the one of the last start, or else any free one. */
  port?: number | undefined;
  /** Postgres settings, such as `{ fsync: 'off' }` for tests. By default everything committed is on the disk. */
  settings?: Record<string, string> | undefined;
  log?: Log | undefined;
  /** Called when Postgres is up again after it had died. */
  onRestart?: ((name: string) => void) | undefined;
  /** As root only: how to get round Postgres's refusal to run as root; by default the first way that works. */
  rootMode?: RootMode | undefined;
}

/** A running Postgres. */
export interface Postgres {
  /** With the superuser's password. Stays the same over restarts. */
  readonly url: string;
  /** The guard process (`guard.ts`), for tests and logs; Postgres is its child. */
  readonly pid: number;
  /** Ends it (fast shutdown). Resolves when it has ended; may be called again. */
  stop(): Promise<void>;
}

/** Milliseconds; the guard gives Postgres five seconds. */
const STOP_TIMEOUT_MS = 8_000;

/**
 * Starts Postgres on 127.0.0.1 (no Unix socket), making its database at the first start. It ends with this process, and
 * is restarted, on the same port, when it dies.
 *
 * @throws {LockedError} when another process uses the same `dataDir`
 * @throws when there is no Postgres for this platform, or it does not come up
 */
export async function startPostgres(options: PostgresOptions): Promise<Postgres> {
  const dataDir = resolve(options.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const lock = takeLock(join(dataDir, 'postgres.lock'), dataDir);
  try {
    return await startLocked({ ...options, dataDir }, lock.release);
  } catch (error) {
    lock.release();
    throw error;
  }
}

async function startLocked(options: PostgresOptions, release: () => void): Promise<Postgres> {
  const { dataDir, log = silent } = options;
  const binaries = await findBinaries();
  const runner = await chooseRunner(binaries, options.rootMode);
  await letThrough(runner, dataDir);
  const sync = options.settings?.fsync !== 'off';
  const cluster = await openCluster({ dataDir, binaries, runner, sync });
  await stopOrphan(cluster.folder, log); // before the choice of a port: the orphan may hold ours
  const port = await choosePort(options);
  const service = await supervised(guardOptions({ binaries, runner, cluster, port }, options), cluster, options);
  return {
    url: `postgresql://${USER}:${cluster.password}@127.0.0.1:${port}/postgres`,
    get pid() {
      return service.pid;
    },
    stop: async () => {
      await service.stop();
      await stopOrphan(cluster.folder, log); // only if the guard had to be killed
      release();
    },
  };
}

async function choosePort({ dataDir, port: wanted }: PostgresOptions): Promise<number> {
  const file = join(dataDir, 'postgres.port');
  const port = wanted ?? (await freePort(await rememberedPort(file)));
  await rememberPort(file, port);
  return port;
}

interface Setup {
  binaries: Binaries;
  runner: Runner;
  cluster: Cluster;
  port: number;
}

function guardOptions({ binaries, runner, cluster, port }: Setup, { settings }: PostgresOptions): GuardOptions {
  const all = {
    timezone: 'UTC', // as on managed Postgres; initdb took this machine's
    log_timezone: 'UTC',
    ...settings,
    port: String(port),
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    lc_messages: 'C', // the guard waits for an English line
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return runner.command(binaries.postgres, ['-D', cluster.folder, ...flags]);
}

function supervised(guard: GuardOptions, cluster: Cluster, options: PostgresOptions): Promise<Supervised<object>> {
  const { log = silent, onRestart } = options;
  const launch = async (signal: AbortSignal) => {
    await stopOrphan(cluster.folder, log);
    const module = moduleBeside(import.meta.url, 'guard');
    return launchChild<object>({
      name: 'postgres',
      module,
      options: guard,
      stopTimeoutMs: STOP_TIMEOUT_MS,
      log,
      signal,
    });
  };
  return supervise({ name: 'postgres', launch, log, onRestart });
}
