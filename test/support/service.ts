import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { type Postgres, startPostgres } from '../../src/embedded/index.ts';
import { ensureTopology, type Topology } from '../../src/pubsub/index.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createTestDatabase } from './database.ts';
import { startTestEmulator } from './emulator.ts';

/** A role of Postrider in a process of its own. */
export interface Role {
  readonly pid: number;
  /** Resolves with the exit code (null when a signal ended it). */
  readonly exited: Promise<number | null>;
  kill(signal: NodeJS.Signals): Promise<number | null>;
}

export interface ServiceOptions {
  readonly workers?: number;
  /** A Postgres of its own, that may be restarted; otherwise a database on the run's Postgres. */
  readonly ownPostgres?: boolean;
  /** Queues that survive the emulator's end and restart. */
  readonly durableQueues?: boolean;
  readonly env?: Readonly<Record<string, string>>;
}

export type Service = Awaited<ReturnType<typeof startService>>;

const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };

/** API and workers as separate OS processes, on real embedded Postgres and emulator. */
export async function startService(options: ServiceOptions = {}) {
  const { workers = 1, ownPostgres = false, durableQueues = false, env = {} } = options;
  const dataDir = await mkdtemp(join(tmpdir(), 'postrider-service-'));
  const [database, emulator] = await Promise.all([
    ownPostgres ? ownDatabase(dataDir) : sharedDatabase(),
    startTestEmulator(durableQueues ? { dataDir } : {}),
  ]);
  const aws = { region: 'us-east-1', endpoint: emulator.endpoint, credentials: CREDENTIALS };
  const topology = await ensureTopology({ name: `test-${basename(dataDir)}`, lanes: ['live', 'bulk'] }, aws);
  const adminKey = `test_${randomBytes(24).toString('hex')}`;
  const roleEnv = { ...environment(database.url, emulator.endpoint, topology, adminKey), ...env };
  const roles: Role[] = [];

  async function start(file: string, started: (message: Record<string, unknown>) => boolean) {
    const { role, message } = await startRole(file, roleEnv, started);
    roles.push(role);
    return { role, message };
  }
  const startWorker = async () => (await start('worker.ts', ({ started }) => started === true)).role;

  const startApi = async () => {
    const { role, message } = await start('api.ts', ({ url }) => typeof url === 'string');
    return { role, url: message.url as string };
  };

  const [api, ...workerRoles] = await Promise.all([startApi(), ...Array.from({ length: workers }, startWorker)]);
  const apiUrl = api.url;
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  pool.on('error', () => undefined); // tests restart Postgres
  pool.on('connect', (client) => client.on('error', () => undefined));

  async function call<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers = {}) {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    });
    return { status: response.status, headers: response.headers, body: (await response.json()) as T };
  }

  return {
    apiUrl,
    /** What its processes are started with. */
    env: roleEnv,
    adminKey,
    aws,
    topology,
    pool,
    call,
    startWorker,
    /** One more API process. */
    startApi,
    workers: workerRoles,
    api: api.role,
    emulator,
    dataDir,
    postgres: database.postgres,
    /** A partner with one subscription a URL; gives the subscriptions' ids and secrets. */
    addPartner: async (id: string, urls: readonly string[], settings: object = {}) => {
      await call('POST', '/v1/partners', { id, name: id });
      const made = urls.map((url) =>
        call<{ id: string; secret: string }>('POST', `/v1/partners/${id}/subscriptions`, {
          url,
          eventTypes: ['*'],
          ...settings,
        }),
      );
      return (await Promise.all(made)).map(({ body }) => body);
    },
    publish: async (partnerId: string, data: unknown = {}, type = 'order.created') => {
      const { status, body } = await call<{ id: string }>('POST', '/v1/events', { partnerId, type, data });
      if (status !== 202) throw new Error(`${status} ${JSON.stringify(body)}`);
      return body.id;
    },
    deliveryStates: async () => {
      const { rows } = await pool.query<{ state: string; count: number }>(
        'SELECT state, count(*)::int AS count FROM deliveries GROUP BY state',
      );
      return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
    },
    stop: async () => {
      await Promise.all(roles.map((role) => role.kill('SIGTERM')));
      await pool.end();
      await emulator.stop();
      await database.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

interface Database {
  readonly url: string;
  readonly postgres: Postgres | null;
  stop(): Promise<void>;
}

async function ownDatabase(dataDir: string): Promise<Database> {
  const postgres = await startPostgres({ dataDir });
  await migrate(postgres.url);
  return { url: postgres.url, postgres, stop: () => postgres.stop() };
}

async function sharedDatabase(): Promise<Database> {
  const { url, drop } = await createTestDatabase();
  return { url, postgres: null, stop: drop };
}

function environment(databaseUrl: string, endpoint: string, { topicArn, lanes }: Topology, adminKey: string) {
  return {
    PORT: '0',
    DRAIN_DELAY: '0s',
    METRICS_PORT: '0', // several workers on one host
    LOG_LEVEL: process.env.TEST_LOG_LEVEL ?? 'error',
    DATABASE_URL: databaseUrl,
    EVENTS_TOPIC_ARN: topicArn,
    EVENTS_QUEUE_URL: lanes.live?.queueUrl as string,
    EVENTS_DLQ_URL: lanes.live?.deadLetterQueueUrl as string,
    EVENTS_BULK_QUEUE_URL: lanes.bulk?.queueUrl as string,
    EVENTS_BULK_DLQ_URL: lanes.bulk?.deadLetterQueueUrl as string,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL: endpoint,
    AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
    AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    ADMIN_API_KEY: adminKey,
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    ALLOWED_TARGET_CIDRS: '127.0.0.0/8',
    ALLOW_HTTP_TARGETS: 'true',
    RETRY_SCHEDULE: '300ms,300ms,500ms,1s,1s,2s,2s,2s,4s',
    RETRY_JITTER: '0',
  };
}

async function startRole(
  file: string,
  env: Readonly<Record<string, string>>,
  started: (message: Record<string, unknown>) => boolean,
): Promise<{ role: Role; message: Record<string, unknown> }> {
  const path = fileURLToPath(new URL(`../../src/${file}`, import.meta.url));
  const child = fork(path, {
    env: { ...process.env, ...env },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const message = await new Promise<Record<string, unknown>>((resolve, reject) => {
    child.on('message', (each) => {
      if (started(each as Record<string, unknown>)) resolve(each as Record<string, unknown>);
    });
    void exited.then((code) => reject(new Error(`${file} exited with ${code}`)));
  });
  return { role: { pid: child.pid as number, exited, kill: (signal) => killRole(child, exited, signal) }, message };
}

async function killRole(child: ChildProcess, exited: Promise<number | null>, signal: NodeJS.Signals) {
  if (child.exitCode === null && child.signalCode === null) child.kill(signal);
  return exited;
}
