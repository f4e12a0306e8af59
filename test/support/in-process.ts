import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { startApi } from '../../src/api.ts';
import { readConfig, type TransportConfig } from '../../src/config.ts';
import type { Lifecycle, Part } from '../../src/lifecycle.ts';
import { createLog } from '../../src/log.ts';
import { ensureTopology } from '../../src/pubsub/index.ts';
import type { Telemetry } from '../../src/telemetry/index.ts';
import { startWorker } from '../../src/worker.ts';
import { createTestDatabase } from './database.ts';
import { startTestEmulator } from './emulator.ts';

const AWS = { region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' } };

/** An API and a worker in this process, on real Postgres and emulator: what they tell of themselves can be looked into. */
export async function startInProcess(telemetry: Telemetry, settings: Readonly<Record<string, string>> = {}) {
  const [database, emulator] = await Promise.all([createTestDatabase(), startTestEmulator()]);
  const aws = { ...AWS, endpoint: emulator.endpoint };
  const { topicArn, lanes } = await ensureTopology({ name: 'test', lanes: ['live', 'bulk'] }, aws);
  const transport: TransportConfig = {
    topicArn,
    lanes: Object.entries(lanes).map(([name, lane]) => ({ name, ...lane })),
  };
  const adminApiKey = `test_${randomBytes(24).toString('hex')}`;
  const env = {
    PORT: '0',
    ALLOWED_TARGET_CIDRS: '127.0.0.0/8',
    ALLOW_HTTP_TARGETS: 'true',
    RETRY_SCHEDULE: '300ms,500ms,1s',
    RETRY_JITTER: '0',
    ...settings,
  };
  const options = {
    config: readConfig(env, 'all'),
    databaseUrl: database.url,
    transport,
    aws,
    encryptionKeys: [randomBytes(32)],
    log: createLog(process.env.TEST_LOG_LEVEL ?? 'error', telemetry.traceId),
    telemetry,
  };
  const parts: Part[] = [];
  const lifecycle: Lifecycle = {
    async start(part) {
      parts.push(part);
      await part.start?.();
    },
    stop: async () => {
      for (const part of parts.splice(0).reverse()) await part.stop(5_000);
    },
  };
  await startWorker(lifecycle, options);
  const apiUrl = await startApi(lifecycle, { ...options, adminApiKey });
  const pool = new pg.Pool({ connectionString: database.url, max: 2 });

  async function call<T = Record<string, unknown>>(method: string, path: string, body?: unknown, headers = {}) {
    const response = await fetch(`${apiUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${adminApiKey}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, text, body: (text.startsWith('{') ? JSON.parse(text) : null) as T };
  }

  return {
    apiUrl,
    pool,
    call,
    addSubscription: async (partnerId: string, url: string) => {
      await call('POST', '/v1/partners', { id: partnerId, name: partnerId });
      await call('POST', `/v1/partners/${partnerId}/subscriptions`, { url, eventTypes: ['*'] });
    },
    stop: async () => {
      await lifecycle.stop(5_000);
      await pool.end();
      await emulator.stop();
      await database.drop();
    },
  };
}
