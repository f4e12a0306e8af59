import { randomBytes } from 'node:crypto';
import pg from 'pg';
import type { AttemptRequest, AttemptResult } from '../../src/domain/attempt.ts';
import { type Event, encodeEnvelope } from '../../src/domain/event.ts';
import { createGrowingIds, newId } from '../../src/domain/ids.ts';
import type { ParkReason } from '../../src/domain/parking.ts';
import { signingKey } from '../../src/domain/signature.ts';
import { createAnnouncer } from '../../src/pipeline/announcer.ts';
import { createAttempt } from '../../src/pipeline/attempt.ts';
import { createDispatch, type DispatchMessage, type DispatchPorts } from '../../src/pipeline/dispatch.ts';
import { createHealth } from '../../src/pipeline/health.ts';
import { createRecover, type RecoverLimits } from '../../src/pipeline/recover.ts';
import { createRetry, type RetryPorts } from '../../src/pipeline/retry.ts';
import { createSlots } from '../../src/pipeline/slots.ts';
import { createSubscriptionCache, type SubscriptionCache } from '../../src/pipeline/subscription-cache.ts';
import { createBatcher } from '../../src/pubsub/index.ts';
import { createCipher } from '../../src/store/cipher.ts';
import { createHotStore } from '../../src/store/hot-store.ts';
import { createPool } from '../../src/store/pool.ts';
import { createRecoverySteps } from '../../src/store/recovery-steps.ts';
import { createLoadSubscriptions } from '../../src/store/subscriptions.ts';
import { createStopwatch, type Stopwatch } from './crash-points.ts';
import { createTestDatabase } from './database.ts';

/** A message in the world's queue: hidden while in hand, gone when acknowledged. */
interface QueuedMessage {
  readonly id: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly sentAt: Date;
  receives: number;
  acked: boolean;
}

export interface Post {
  readonly subscription: string;
  readonly webhookId: string;
  readonly delivery: string;
  readonly attempt: number;
  readonly body: string;
}

/** The status to answer with, or how our own stop cut the attempt short. */
type Answered = number | 'sent' | 'unsent';

/** What it does meanwhile happens while the request is under way. */
type Answer = (post: Post, nthToThisSubscription: number) => Answered | Promise<Answered>;

export type World = Awaited<ReturnType<typeof createWorld>>;

const TIMEOUT_MS = 15_000;
const DISABLE_AFTER_MS = 5 * 86_400_000;

/**
 * The pipeline on the real Postgres, with a queue and a receiver that a test can look into. Time passes by ageing the rows
 * ({@link World.elapse}), so that nothing has to be waited for.
 */
export async function createWorld() {
  const database = await createTestDatabase();
  const pool = new pg.Pool({ connectionString: database.url, max: 4 });
  await pool.query('SELECT make_partitions(current_date - 1, current_date + 1)');
  const stopping = new AbortController();
  const batch = createBatcher;
  const store = createHotStore({
    url: database.url,
    batch,
    signal: stopping.signal,
    onRetry: (error) => retried.push(error),
    onOrphans: (ids) => orphans.push(...ids),
  });
  const load = createLoadSubscriptions(pool, createCipher([randomBytes(32)]));
  const growingId = createGrowingIds();
  const posts: Post[] = [];
  const orphans: string[] = [];
  /** Why deliveries were parked. */
  const parked: ParkReason[] = [];
  /** Why the store had to repeat a call. */
  const retried: Error[] = [];
  let queue: QueuedMessage[] = [];
  let answer: Answer = () => 200;

  async function addPartner(id: string): Promise<void> {
    await pool.query('INSERT INTO partners (id, name) VALUES ($1, $1)', [id]);
  }

  /** The URL's host is the subscription's name in {@link Post}. */
  async function addSubscription(
    partnerId: string,
    name: string,
    eventTypes = ['*'],
    enabled = true,
    filter: object | null = null,
  ): Promise<string> {
    const id = growingId(); // they are matched in the order of their ids: of making, even within a millisecond
    await pool.query(
      'INSERT INTO subscriptions (id, partner_id, url, event_types, enabled, filter) VALUES ($1, $2, $3, $4, $5, $6)',
      [id, partnerId, `https://${name}/`, eventTypes, enabled, filter],
    );
    return id;
  }

  function createCache(): SubscriptionCache {
    return createSubscriptionCache({
      load: async (partnerId) => {
        const loaded = await load(partnerId);
        const keys = [{ key: signingKey('hmac-sha256', Buffer.alloc(32, 1)), expiresAt: null }];
        return loaded && { ...loaded, subscriptions: loaded.subscriptions.map((each) => ({ ...each, keys })) };
      },
    });
  }

  async function send(request: AttemptRequest): Promise<AttemptResult> {
    const post = {
      subscription: new URL(request.url).hostname,
      webhookId: request.headers['webhook-id'] as string,
      delivery: request.headers['postrider-delivery'] as string,
      attempt: Number(request.headers['postrider-attempt']),
      body: request.body,
    };
    posts.push(post);
    const nth = posts.filter(({ subscription }) => subscription === post.subscription).length;
    return resultOf(request, await answer(post, nth));
  }

  /** Operational events go into the same queue, once for each time they are published. */
  async function announce(event: Event): Promise<boolean> {
    queue.push({
      id: newId(),
      body: encodeEnvelope(event),
      attributes: {},
      sentAt: new Date(),
      receives: 0,
      acked: false,
    });
    return true;
  }

  /** A worker process's pipeline, each outside call of it counted by the stopwatch. */
  function createProcess(stopwatch: Stopwatch, slotsPerSubscription = 64) {
    const schedule = { delaysMs: [5_000, 300_000], jitter: 0 };
    const wrapped = stopwatch.wrap({ ...store, send, announce });
    const subscriptions = createCache();
    const announcer = createAnnouncer({
      subscriptions,
      publish: wrapped.announce,
      onUnpublished: () => undefined,
      disableAfterMs: DISABLE_AFTER_MS,
    });
    const rules = { opensAfter: 10, disableAfterMs: DISABLE_AFTER_MS };
    const health = createHealth({ ...wrapped, announcer, rules });
    const attempt = createAttempt({ send: wrapped.send, schedule, defaultTimeoutMs: TIMEOUT_MS, userAgent: 'test' });
    const shared = {
      subscriptions,
      attempt,
      health,
      announcer,
      scheduled: () => undefined,
    };
    const slots = () => createSlots({ total: 512, perSubscription: slotsPerSubscription, patienceMs: 20 });
    const ports: DispatchPorts = { ...wrapped, ...shared, slots: slots(), parked: (reason) => parked.push(reason) };
    const retryPorts: RetryPorts = {
      ...wrapped,
      ...shared,
      slots: slots(),
      claim: (limits) => wrapped.claim({ ...limits, defaultTimeoutMs: TIMEOUT_MS }),
      record: wrapped.recordLater,
      onError: (error) => {
        throw error;
      },
    };
    const dispatch = createDispatch(ports, { lane: 'live', defaultTimeoutMs: TIMEOUT_MS });
    /** What a worker does when it starts to listen. */
    const listen = async () => health.replace(await store.loadHealth());
    return { dispatch, retry: createRetry(retryPorts), cache: subscriptions, health, listen };
  }

  /** A worker process's recoveries. Its calls inside of a step are counted, too; what is under way dies with `kill`. */
  function createRecovering(stopwatch: Stopwatch, limits: RecoverLimits = {}) {
    const applicationName = `recovering-${newId()}`;
    const own = createPool({ url: database.url, max: 1, applicationName });
    const inStep = createRecoverySteps(own);
    const ports = stopwatch.wrap({
      inStep: (step: Parameters<typeof inStep>[0]) => inStep((recovery, rows) => step(recovery, stopwatch.wrap(rows))),
    });
    const recover = createRecover({ ...ports, subscriptions: createCache(), scheduled: () => undefined }, limits);
    const kill = async () => {
      await pool.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = $1', [
        applicationName,
      ]);
      void own.end(); // a client that died in a step is never given back
    };
    return { recover, kill };
  }

  function receive(stopwatch: Stopwatch): DispatchMessage[] {
    return queue
      .filter(({ acked }) => !acked)
      .map((message) => {
        message.receives++;
        const settle = stopwatch.wrap({
          ack: async () => {
            message.acked = true;
          },
          return: async () => undefined,
        });
        const { id, body, attributes, sentAt, receives } = message;
        return { id, body, sentAt, attributes, receiveCount: receives, ...settle };
      });
  }

  /** Lets time pass for everything that waits in Postgres. */
  async function elapse(seconds: number): Promise<void> {
    const by = [seconds];
    await pool.query(`UPDATE events SET lease_until = lease_until - $1 * interval '1 second'`, by);
    await pool.query(
      `UPDATE deliveries SET next_attempt_at = next_attempt_at - $1 * interval '1 second',
        resume_at = resume_at - $1 * interval '1 second' WHERE state = 'pending'`,
      by,
    );
    await pool.query(
      `UPDATE subscription_health SET not_before = not_before - $1 * interval '1 second',
        failing_since = failing_since - $1 * interval '1 second'`,
      by,
    );
  }

  /** Receives and retries, a process at a time, until nothing is left to do. */
  async function recover(): Promise<void> {
    for (let round = 0; round < 12; round++) {
      await elapse(301);
      const calm = createStopwatch(null);
      const { dispatch, retry } = createProcess(calm);
      await Promise.all(receive(calm).map(dispatch));
      await retry.claimOnce();
      await retry.idle();
      const { rows } = await pool.query(`SELECT 1 FROM deliveries WHERE state = 'pending' LIMIT 1`);
      if (rows.length === 0 && queue.every(({ acked }) => acked)) return;
    }
  }

  return {
    pool,
    store,
    posts,
    orphans,
    parked,
    retried,
    addPartner,
    addSubscription,
    createProcess,
    createRecovering,
    receive,
    elapse,
    recover,
    publish: (body: string, attributes: Readonly<Record<string, string>> = {}, sentAt = new Date()) =>
      void queue.push({ id: newId(), body, attributes, sentAt, receives: 0, acked: false }),
    answerWith: (next: Answer) => {
      answer = next;
    },
    get queue() {
      return queue;
    },
    reset: async () => {
      queue = [];
      posts.length = 0;
      parked.length = 0;
      answer = () => 200;
      // As a replica would, without triggers: attempts are append-only.
      await pool.query(`BEGIN; SET LOCAL session_replication_role = replica;
        TRUNCATE events, deliveries, feed, attempts, dead_letters, recoveries, subscription_health; COMMIT`);
    },
    close: async () => {
      stopping.abort(new Error('the test is over'));
      await store.close();
      await pool.end();
      await database.drop();
    },
  };
}

function resultOf(request: AttemptRequest, answered: Answered): AttemptResult {
  if (typeof answered === 'number') return answeredWith(request, answered);
  const { outcome, response, ...rest } = answeredWith(request, 500);
  return { ...rest, outcome: 'timeout', error: 'the worker was stopped', response: null, cutShort: answered };
}

function answeredWith(request: AttemptRequest, statusCode: number): AttemptResult {
  const ok = statusCode >= 200 && statusCode < 300;
  return {
    startedAt: new Date(),
    durationMs: 1,
    outcome: ok ? 'succeeded' : 'http_error',
    error: ok ? null : `the receiver answered ${statusCode}`,
    timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, reusedConnection: true },
    request,
    response: { statusCode, headers: {}, body: '', bodyTruncated: false },
  };
}
