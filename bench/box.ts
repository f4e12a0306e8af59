/** The whole of Postrider on one box, each part a process of its own, on loopback: what every bench starts from. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmulator, startPostgres } from '../src/embedded/index.ts';
import { ensureTopology } from '../src/pubsub/index.ts';
import { migrate } from '../src/store/migrate.ts';
import type { LoadPlan, LoadResult } from './load.ts';
import { type Child, cpuUs, startChild } from './processes.ts';

/** Postgres as a small server would be set up; durable. */
const SETTINGS = { shared_buffers: '512MB', max_wal_size: '4GB' };

export type Box = Awaited<ReturnType<typeof startBox>>;

/** Latencies of what arrived at a path, and when the last of it did. */
export interface Arrived {
  readonly count: number;
  readonly latencies: number[];
  /** Different ones, on paths under `/each`; else 0. */
  readonly events: number;
  readonly lastAt: number;
}

/**
 * Starts everything; `stop` ends what was started, also when the start fails half-way.
 *
 * @param settings of API and worker, beyond the defaults
 */
export async function startBox(settings: Record<string, string> = {}) {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async () => {
    for (const each of stops.splice(0).toReversed()) await each();
  };
  try {
    return { ...(await start(stops, settings)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(stops: (() => Promise<unknown>)[], settings: Record<string, string>) {
  const dataDir = await mkdtemp(join(tmpdir(), 'postrider-bench-'));
  stops.push(() => rm(dataDir, { recursive: true, force: true }));
  const postgres = await startPostgres({ dataDir, settings: SETTINGS });
  stops.push(() => postgres.stop());
  const emulator = await startEmulator();
  stops.push(() => emulator.stop());
  await migrate(postgres.url);

  const credentials = { accessKeyId: 'bench', secretAccessKey: 'bench' };
  const aws = { region: 'us-east-1', endpoint: emulator.endpoint, credentials };
  const topology = await ensureTopology({ name: 'bench', lanes: ['live'] }, aws);
  const key = `bench_${randomBytes(24).toString('hex')}`;
  const env = {
    NODE_ENV: 'production',
    PORT: '0',
    METRICS_PORT: '0', // a bench may run beside a worker
    LOG_LEVEL: 'warn',
    DATABASE_URL: postgres.url,
    EVENTS_TOPIC_ARN: topology.topicArn,
    EVENTS_QUEUE_URL: topology.lanes.live?.queueUrl as string,
    AWS_REGION: aws.region,
    AWS_ENDPOINT_URL: emulator.endpoint,
    AWS_ACCESS_KEY_ID: credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    ADMIN_API_KEY: key,
    ENCRYPTION_KEYS: randomBytes(32).toString('base64'),
    ALLOWED_TARGET_CIDRS: '127.0.0.0/8',
    ALLOW_HTTP_TARGETS: 'true',
    ...settings,
  };
  const child = (file: string, extra: Record<string, string> = {}) => {
    const started = startChild(file, extra);
    stops.push(() => started.stop());
    return started;
  };
  const receiver = child('receiver.ts');
  const port = await receiver.next((message) => message.port as number | undefined);
  const receiverUrl = `http://127.0.0.1:${port}`;
  const api = child('../src/api.ts', env);
  const apiUrl = await api.next(({ url }) => url as string | undefined);
  const startWorker = async () => {
    const started = child('../src/worker.ts', env);
    await started.next((message) => message.started as boolean | undefined);
    return started;
  };
  const worker = await startWorker();
  const load = child('load.ts');
  receiver.onMessage(({ total }) => total !== undefined && load.send({ arrived: total }));

  async function call(method: string, path: string, body: object): Promise<void> {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${apiUrl}${path}`, { method, headers, body: JSON.stringify(body) });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  }

  const processes = { api, worker, load, receiver, postgres, emulator };
  return {
    databaseUrl: postgres.url,
    receiver,
    receiverUrl,
    worker,
    /** One more. */
    startWorker,
    /** A partner with one subscription for everything, or so many, at a path of the receiver's. */
    addPartner: async (id: string, path: string, subscriptions = 1) => {
      await call('POST', '/v1/partners', { id, name: id });
      const subscription = { url: receiverUrl + path, eventTypes: ['*'] };
      for (let n = 0; n < subscriptions; n++) await call('POST', `/v1/partners/${id}/subscriptions`, subscription);
    },
    publishBatch: (partnerId: string, count: number) =>
      call('POST', '/v1/events/batch', {
        events: Array.from({ length: count }, (_, n) => ({ partnerId, type: 'flood.arrived', data: { n } })),
      }),
    play: async (plan: Omit<LoadPlan, 'apiUrl' | 'key'>): Promise<LoadResult> => {
      load.send({ plan: { ...plan, apiUrl, key } });
      return load.next(({ result }) => result as LoadResult | undefined);
    },
    drained: (path: string) => drained(receiver, path),
    /** CPU time of each process so far, in µs. */
    cpu: () => Object.fromEntries(Object.entries(processes).map(([name, { pid }]) => [name, cpuUs(pid)])),
  };
}

/** Takes the receiver's figures for a path once nothing has arrived for a second. */
async function drained(receiver: Child, path: string): Promise<Arrived> {
  let lastAt = performance.now();
  await new Promise<void>((resolve) => {
    let quiet = setTimeout(resolve, 1_000);
    receiver.onMessage(({ total }) => {
      if (total === undefined) return;
      lastAt = performance.now();
      clearTimeout(quiet);
      quiet = setTimeout(resolve, 1_000);
    });
  });
  receiver.send({ take: path });
  const taken = await receiver.next((message) => message.taken as Omit<Arrived, 'lastAt'> | undefined);
  return { ...taken, lastAt };
}
