import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Config, configOrExit, type TransportConfig } from './config.ts';
import { encodeEnvelope } from './domain/event.ts';
import { publicId } from './domain/ids.ts';
import { createRateLimit } from './domain/rate-limit.ts';
import { createRemembered } from './domain/remembered.ts';
import { createAuthentication } from './http/authentication.ts';
import type { Check } from './http/deps.ts';
import { createKeyUse } from './http/key-use.ts';
import { buildServer } from './http/server.ts';
import { type Lifecycle, runProcess } from './lifecycle.ts';
import { createLog } from './log.ts';
import { type AcceptPorts, type AcceptProblem, createAccept } from './pipeline/accept.ts';
import { loggedAccept } from './pipeline/accept-log.ts';
import { createRedrive, type RedriveMessage, type RedrivePublished } from './pipeline/redrive.ts';
import { createRedriver } from './pipeline/redriver.ts';
import {
  type AwsOptions,
  createPublisher,
  createSnsTransport,
  createTopicProbe,
  type Publisher,
} from './pubsub/index.ts';
import { createApiKeys, createFindApiKey, noteKeysUsed } from './store/api-keys.ts';
import { createAuditReads } from './store/audit-reads.ts';
import { cancelPending } from './store/cancel-pending.ts';
import { createCipher } from './store/cipher.ts';
import { createDeadLetterReads } from './store/dead-letters.ts';
import { createDeliveryReads } from './store/deliveries.ts';
import { createEventReads } from './store/events.ts';
import { createFeed } from './store/feed.ts';
import { claimIdempotencyKey, markPublished } from './store/idempotency.ts';
import { type Change, createListener } from './store/listener.ts';
import { migrateWhenUp } from './store/migrate-when-up.ts';
import { createPartners } from './store/partners.ts';
import { createPool, READ_SETTINGS } from './store/pool.ts';
import { createPrisma } from './store/prisma.ts';
import { createReadiness } from './store/readiness.ts';
import { createRecoveries } from './store/recoveries.ts';
import { cancelDelivery, redeliver } from './store/redeliver.ts';
import {
  askForRedrive,
  claimRedrives,
  discardDeadLetter,
  findWaitingLetter,
  isEventOnRecord,
  markRedriven,
  putBackLetter,
  scheduleRedrives,
} from './store/redrive.ts';
import { createSecrets } from './store/secrets.ts';
import { sendTest } from './store/send-test.ts';
import { createStatsReads } from './store/stats.ts';
import { createSubscriptions } from './store/subscriptions.ts';
import { startTelemetry, type Telemetry, watchApi } from './telemetry/index.ts';
import { version } from './version.ts';
import { checkTargetUrl, createEgressGuard } from './webhook/index.ts';

/** What the API needs beyond the settings: where things are, once that is settled. */
export interface ApiOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly transport: TransportConfig;
  readonly aws: AwsOptions;
  readonly encryptionKeys: readonly Buffer[];
  readonly adminApiKey: string;
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

/** Partners come and go rarely, and NOTIFY tells of it; this bounds what a missed one does. */
const PARTNER_FRESH_MS = 30_000;

/** A stop waits no longer than this share of its grace for load balancers: the rest is for finishing what was taken. */
const DRAIN_SHARE = 0.5;

/**
 * Starts the API's parts.
 *
 * @returns the URL it listens on
 */
export async function startApi(lifecycle: Lifecycle, options: ApiOptions): Promise<string> {
  const { config, databaseUrl, log, aws, telemetry } = options;
  const lanes = options.transport.lanes.map(({ name }) => name);
  const watch = watchApi(telemetry, lanes);
  const onError = (error: unknown) => log.warn({ err: error }, 'store.connection_lost');
  const name = { applicationName: 'postrider-api', settings: READ_SETTINGS };
  const pool = createPool({ url: databaseUrl, max: 10, ...name, onError });
  telemetry.pool('api', pool);
  const prisma = createPrisma(pool);
  await lifecycle.start({
    name: 'store',
    stop: async () => {
      await prisma.$disconnect();
      await pool.end();
    },
  });

  const cipher = createCipher(options.encryptionKeys);
  const authentication = createAuthentication({
    findApiKey: createFindApiKey(pool),
    adminApiKey: options.adminApiKey,
    now: Date.now,
  });
  const partners = createPartners(prisma);
  const knownPartners = createRemembered({
    load: (id) => partners.find(id),
    freshMs: PARTNER_FRESH_MS,
    now: Date.now,
  });

  const forget = (change: Change) => {
    if (change.changed === 'apiKey') authentication.drop(change.hash);
    if (change.changed === 'partner') knownPartners.drop(change.partnerId);
  };
  const forgetAll = () => {
    authentication.clear();
    knownPartners.clear();
  };
  const heard = telemetry.listener('api', { onListening: forgetAll, onError });
  const listener = createListener({ url: databaseUrl, onChange: forget, ...heard });
  await lifecycle.start({ name: 'listener', ...listener });

  const topic = watch.topic(createSnsTransport({ topicArn: options.transport.topicArn, aws }));
  const publisher = createPublisher({ transport: topic });
  await lifecycle.start({ name: 'publisher', stop: () => publisher.close() });

  const database = createReadiness(pool, onError);
  const topicCheck = await startTopicCheck(lifecycle, options);

  const keyUse = createKeyUse({ write: (uses) => noteKeysUsed(pool, uses), now: Date.now, onError });
  await lifecycle.start({ name: 'key-use', ...keyUse });
  const redrive = createRedrive(
    {
      findWaiting: (id) => findWaitingLetter(pool, id),
      claimDue: (limit) => claimRedrives(pool, limit),
      isEvent: (id) => isEventOnRecord(pool, id),
      publish: redriveWith(publisher),
      ask: (id, by) => askForRedrive(pool, id, by),
      markRedriven: (letter) => markRedriven(pool, letter),
      putBack: (id, redriveAt) => putBackLetter(pool, id, redriveAt),
      onRefused: (id, why) => log.warn({ deadLetterId: publicId('dl', id), why }, 'redrive.refused'),
    },
    { lanes },
  );
  const redriver = createRedriver({
    due: redrive.due,
    onError: (error) => log.warn({ err: error }, 'redrive.failed'),
  });
  await lifecycle.start({ name: 'redriver', ...redriver });

  let isStopping = false;
  const accept = loggedAccept(
    createAccept({
      partnerExists: async (id) => {
        try {
          return (await knownPartners.get(id)) !== null;
        } catch {
          return true; // the database is away: dispatch judges
        }
      },
      publish: watch.publish(publishWith(publisher, log)),
      claimKey: (request) => claimIdempotencyKey(pool, request),
      markPublished: (key) => markPublished(pool, key),
    }),
    log,
  );
  const guard = createEgressGuard({ allowedCidrs: config.allowedTargetCidrs });
  const server = await buildServer({
    version,
    log,
    authentication,
    rateLimit: config.apiRateLimit > 0 ? createRateLimit(config.apiRateLimit, Date.now) : null,
    noteKeyUse: keyUse.note,
    lanes,
    accept: watch.accept(accept),
    redeliver: (id, by) => redeliver(pool, id, by),
    cancel: (id, by) => cancelDelivery(pool, id, by),
    sendTest: (subscription, by) => sendTest(pool, subscription, by),
    cancelPending: (id, by) => cancelPending(pool, id, by),
    checkTargetUrl: (url) => checkTargetUrl(url, { allowHttp: config.allowHttpTargets, guard }),
    isStopping: () => isStopping,
    readiness: async () => (await Promise.all([database(), topicCheck()])).flat(),
    partners,
    subscriptions: createSubscriptions(prisma, cipher),
    secrets: createSecrets(prisma, cipher),
    apiKeys: createApiKeys(prisma),
    events: createEventReads(pool),
    deliveries: createDeliveryReads(pool),
    recoveries: createRecoveries(pool),
    feed: createFeed(pool),
    stats: createStatsReads(pool),
    deadLetters: createDeadLetterReads(prisma),
    redriveDeadLetter: redrive.one,
    redriveDeadLetters: async (selection, by) => {
      const count = await scheduleRedrives(pool, selection, by);
      redriver.wake();
      return count;
    },
    discardDeadLetter: (id, by) => discardDeadLetter(pool, id, by),
    audit: createAuditReads(prisma, pool),
    observer: watch.requests,
    metrics: telemetry.expose,
  });
  await lifecycle.start({
    name: 'http',
    stop: async (leftMs) => {
      isStopping = true; // the load balancer sees it on /ready, and sends its requests elsewhere
      await delay(Math.min(config.drainDelayMs, leftMs * DRAIN_SHARE));
      await server.close();
    },
  });
  return server.listen({ host: config.host, port: config.port });
}

/** Part of readiness: can events be published? */
async function startTopicCheck(lifecycle: Lifecycle, { transport: { topicArn }, aws, log }: ApiOptions) {
  const onTrouble = (error: Error) => log.warn({ err: error }, 'sns.unreachable');
  const probe = createTopicProbe({ topicArn, aws, onTrouble });
  await lifecycle.start({ name: 'topic-probe', stop: () => probe.close() });
  return async (): Promise<Check> => ({ name: 'sns', ...(await probe.check()) });
}

const PROBLEMS: Readonly<Record<string, AcceptProblem>> = {
  too_large: 'too_large',
  invalid_characters: 'invalid_characters',
  saturated: 'overloaded',
};

/** Publishes an event's envelope; `MessageGroupId` is the partner, so that SQS fair queues keep partners apart. */
function publishWith(publisher: Publisher, log: Logger): AcceptPorts['publish'] {
  return async (event, { lane, traceparent }) => {
    const body = encodeEnvelope(event);
    const published = await publisher.publish({
      body,
      groupId: event.partnerId,
      attributes: { lane, ...(traceparent && { traceparent }) },
    });
    if (published.ok) return published;
    const problem = PROBLEMS[published.reason];
    if (problem) return { ok: false, problem, detail: published.detail };
    log.warn({ eventId: event.id, reason: published.reason, detail: published.detail }, 'publish.failed'); // names accounts
    return { ok: false, problem: 'unavailable', detail: 'Amazon SNS did not take the event: try again' };
  };
}

/** Publishes a dead letter again, as it came. */
function redriveWith(publisher: Publisher): (message: RedriveMessage) => Promise<RedrivePublished> {
  return async (message) => {
    const published = await publisher.publish(message);
    if (published.ok) return published;
    return { ok: false, problem: PROBLEMS[published.reason] ?? published.reason, detail: published.detail };
  };
}

/** The API as a process of its own, by the environment. */
export async function runApi(): Promise<void> {
  const config = configOrExit(process.env, 'api');
  const telemetry = await startTelemetry(version, config.tracing);
  const log = createLog(config.logLevel, telemetry.traceId);
  await runProcess(log, config.shutdownGraceMs, async (lifecycle) => {
    await lifecycle.start({ name: 'telemetry', stop: telemetry.stop });
    const databaseUrl = config.databaseUrl as string;
    const url = await startApi(lifecycle, {
      config,
      databaseUrl,
      transport: config.transport as TransportConfig,
      aws: { region: config.awsRegion, ...(config.awsEndpointUrl && { endpoint: config.awsEndpointUrl }) },
      encryptionKeys: config.encryptionKeys,
      adminApiKey: config.adminApiKey as string,
      log,
      telemetry,
    });
    await migrateWhenUp(databaseUrl, log);
    log.info({ api: url, docs: `${url}/docs`, version }, 'api.started');
    process.send?.({ url });
  });
}

if (import.meta.main) await runApi();
