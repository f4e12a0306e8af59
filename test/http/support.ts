import type { FastifyInstance, InjectOptions } from 'fastify';
import pg from 'pg';
import { storeFunctions } from '../../src/api/store-functions.ts';
import { newId, publicId } from '../../src/domain/ids.ts';
import { createAuthentication } from '../../src/http/authentication.ts';
import type { ServerDeps } from '../../src/http/deps.ts';
import { buildServer } from '../../src/http/server.ts';
import type { NewEvent } from '../../src/pipeline/accept.ts';
import { createFindApiKey } from '../../src/store/api-keys.ts';
import { type Cipher, createCipher } from '../../src/store/cipher.ts';
import { createPrisma } from '../../src/store/prisma.ts';
import { scheduleRedrives } from '../../src/store/redrive.ts';
import { checkTargetUrl, createEgressGuard } from '../../src/webhook/egress-guard.ts';
import { createTestDatabase } from '../support/database.ts';

export const ADMIN_KEY = 'postrider_test_admin_key_of_some_length';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read answers of every shape
  readonly body: any;
}

export interface CallOptions {
  /** Default: the admin key; null: none. */
  readonly key?: string | null;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
}

/** The API on a database of its own, without a network. */
export interface TestApi {
  readonly app: FastifyInstance;
  readonly pool: pg.Pool;
  readonly cipher: Cipher;
  /** What `accept` was given, in order. */
  readonly accepted: NewEvent[];
  /** What was logged as an error. */
  readonly errors: object[];
  call(method: string, path: string, options?: CallOptions): Promise<Answer>;
  /** Makes a partner and a key of its own. */
  partner(id: string): Promise<{ id: string; key: string }>;
  subscription(partnerId: string, body?: object): Promise<Answer['body']>;
  close(): Promise<void>;
}

/** Starts it; `overrides` replace parts. */
export async function startApi(overrides: Partial<ServerDeps> = {}): Promise<TestApi> {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 5 });
  await pool.query('SELECT make_partitions(current_date - 2, current_date + 1)');
  const prisma = createPrisma(pool);
  const cipher = createCipher([Buffer.alloc(32, 7)]);
  const accepted: NewEvent[] = [];
  const errors: object[] = [];
  const guard = createEgressGuard({ allowedCidrs: [] });
  const deps: ServerDeps = {
    ...storeFunctions({ pool, prisma, cipher }),
    version: '0.0.0-test',
    log: { error: (fields) => errors.push(fields) },
    authentication: createAuthentication({ findApiKey: createFindApiKey(pool), adminApiKey: ADMIN_KEY, now: Date.now }),
    rateLimit: null,
    noteKeyUse: () => undefined,
    accept: acceptInto(accepted, pool),
    lanes: ['live', 'bulk'],
    checkTargetUrl: (url) => checkTargetUrl(url, { allowHttp: false, guard }),
    isStopping: () => false,
    readiness: async () => [{ name: 'postgres', ok: true }],
    redriveDeadLetter: async () => ({ ok: true }),
    redriveDeadLetters: (selection, by) => scheduleRedrives(pool, selection, by),
    observer: { end: () => undefined },
    metrics: async () => ({ contentType: 'text/plain', body: 'up 1\n' }),
    ...overrides,
  };
  const app = buildServer(deps);
  await app.ready();
  const call = createCall(app);
  return {
    app,
    pool,
    cipher,
    accepted,
    errors,
    call,
    async partner(id) {
      await call('POST', '/v1/partners', { body: { id, name: id } });
      const { body } = await call('POST', `/v1/partners/${id}/api-keys`, { body: { name: 'own' } });
      return { id, key: body.key };
    },
    async subscription(partnerId, body = {}) {
      const wanted = { url: 'https://example.com/hooks', eventTypes: ['*'], ...body };
      return (await call('POST', `/v1/partners/${partnerId}/subscriptions`, { body: wanted })).body;
    },
    async close() {
      await app.close();
      await pool.end();
      await database.drop();
    },
  };
}

/** An honest front door without a transport: takes events of partners that exist, up to SNS's limit. */
function acceptInto(accepted: NewEvent[], pool: pg.Pool): ServerDeps['accept'] {
  return async (input) => {
    const { rowCount } = await pool.query('SELECT FROM partners WHERE id = $1', [input.partnerId]);
    if (rowCount === 0) return { ok: false, problem: 'unknown_partner', detail: `there is no ${input.partnerId}` };
    if (input.data.length > 256 * 1024) return { ok: false, problem: 'too_large', detail: 'SNS takes 256 KiB' };
    accepted.push(input);
    const { lane: _, timestamp = new Date().toISOString(), ...rest } = input;
    return { ok: true, event: { ...rest, timestamp, id: newId() } };
  };
}

function createCall(app: FastifyInstance): TestApi['call'] {
  return async (method, path, { key = ADMIN_KEY, body, headers = {}, raw } = {}) => {
    const payload = raw ?? (body === undefined ? undefined : JSON.stringify(body));
    const answer = await app.inject({
      method: method as NonNullable<InjectOptions['method']> & string,
      url: path,
      headers: {
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(payload === undefined ? {} : { payload }),
    } as InjectOptions);
    const isJson = String(answer.headers['content-type']).includes('json');
    const { statusCode: status, payload: text } = answer;
    return { status, headers: answer.headers, text, body: isJson ? JSON.parse(text) : null };
  };
}

export const publicEvent = (uuid: string): string => publicId('evt', uuid);
export const publicDelivery = (uuid: string): string => publicId('dlv', uuid);
