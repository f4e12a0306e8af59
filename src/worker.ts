import type { Logger } from 'pino';
import { type Config, configOrExit, type LaneConfig, type TransportConfig } from './config.ts';
import { encodeEnvelope } from './domain/event.ts';
import { signingKey } from './domain/signature.ts';
import { type Lifecycle, runProcess } from './lifecycle.ts';
import { createLog } from './log.ts';
import { createAnnouncer } from './pipeline/announcer.ts';
import { createAttempt } from './pipeline/attempt.ts';
import { logged } from './pipeline/attempt-log.ts';
import { createDispatch, type DispatchPorts } from './pipeline/dispatch.ts';
import { createDrain, type DrainPorts } from './pipeline/drain.ts';
import { createHealth } from './pipeline/health.ts';
import { createMaintain, type MaintenanceRun } from './pipeline/maintain.ts';
import { createMaintainer } from './pipeline/maintainer.ts';
import { createRecover } from './pipeline/recover.ts';
import { createRecoverer } from './pipeline/recoverer.ts';
import { createRetrier } from './pipeline/retrier.ts';
import { createRetry } from './pipeline/retry.ts';
import { createSlots } from './pipeline/slots.ts';
import { createStatsKeeper } from './pipeline/stats-keeper.ts';
import {
  createSubscriptionCache,
  type DeliverableSubscription,
  type SentSubscription,
  type SubscriptionCache,
} from './pipeline/subscription-cache.ts';
import {
  type AwsOptions,
  type Consumer,
  type ConsumerOptions,
  createBatcher,
  createConsumer,
  createPublisher,
  createSnsTransport,
  createSqsTransport,
  type Message,
  type QueueTransport,
} from './pubsub/index.ts';
import { readBacklog } from './store/backlog.ts';
import { createCipher } from './store/cipher.ts';
import { toHealth } from './store/hot-health.ts';
import { pruneStats, rollUp } from './store/hot-stats.ts';
import { createHotStore, type HotStore } from './store/hot-store.ts';
import { type Change, createListener } from './store/listener.ts';
import { createMaintenance } from './store/maintenance.ts';
import { migrateWhenUp } from './store/migrate-when-up.ts';
import { ensurePartitions } from './store/partitions.ts';
import { createReadiness } from './store/readiness.ts';
import { createRecoverySteps } from './store/recovery-steps.ts';
import { createLoadSubscriptions, type LoadedSubscription } from './store/subscriptions.ts';
import { untilStored } from './store/transient.ts';
import { startProbeServer, startTelemetry, type Telemetry, watchWorker } from './telemetry/index.ts';
import { version } from './version.ts';
import { createEgressGuard, createSender } from './webhook/index.ts';

/** What a worker needs beyond the settings: where things are, once that is settled. */
export interface WorkerOptions {
  readonly config: Config;
  readonly databaseUrl: string;
  readonly transport: TransportConfig;
  readonly aws: AwsOptions;
  readonly encryptionKeys: readonly Buffer[];
  readonly log: Logger;
  readonly telemetry: Telemetry;
}

type Watch = ReturnType<typeof watchWorker>;

/** The retrier's share of a subscription's slots: a quarter, so that new events and retries cannot starve each other. */
const RETRY_SHARE = 0.25;

/** A stop ends attempts that are still under way this share of the grace before its end: their results are yet to be recorded. */
const CUT_SHORT_AT = 0.76;

/** What the record then says. */
const CUT_SHORT = 'the worker was stopped before the receiver had answered; it is attempted again by another one';

/** From here on Postgres is not waited for any more: what is not recorded comes back with its message or its lease. */
const GIVE_UP_AT = 0.84;

/** The consumers' share of the grace: the rest is for closing connections. */
const CONSUMERS_SHARE = 0.92;

/** A stop on an idle queue waits for its long poll to end: short ones cost about a dollar a month, and a deploy no time. */
const WAIT_SECONDS = 2;

/** A message whose dispatch failed comes back after this: until then, somebody may have mended what was wrong. */
const RETURN_SECONDS = 30;

/** Dead letters are in no hurry: most of the connections stay for what is. */
const DRAINED_AT_ONCE = 40;

/** Operational events are waited for before a result is recorded, so not for long: a delivery's lease has 10 s to spare. */
const ANNOUNCE_DEADLINE_MS = 2_000;

/** Starts a worker's parts: what it opens first is closed last. */
export async function startWorker(lifecycle: Lifecycle, options: WorkerOptions): Promise<void> {
  const { config, databaseUrl, log, telemetry } = options;
  const lanes = options.transport.lanes.map(({ name }) => name);
  const watch = watchWorker(telemetry, lanes);
  const stopping = new AbortController();
  const onRetry = (error: Error, attempt: number) => log.warn({ err: error, attempt }, 'store.waiting');
  const hotStore = createHotStore({
    url: databaseUrl,
    batch: watch.batch(createBatcher),
    signal: stopping.signal,
    onRetry,
    onOrphans: (deliveryIds) => log.error({ deliveryIds }, 'deliveries.orphaned'),
  });
  await lifecycle.start({ name: 'hot-store', stop: () => hotStore.close() });
  const store = watch.store(hotStore);
  for (const [name, pool] of Object.entries(store.pools)) telemetry.pool(name, pool);
  watch.backlog(() => readBacklog(store.pool));
  const probes = await startProbes(lifecycle, store, options);
  await lifecycle.start(housekeeping(store, options, watch));
  const statsKeeper = createStatsKeeper({
    rollUp: () => rollUp(store.pool, new Date()),
    prune: () => pruneStats(store.pool),
    onError: (error) => log.warn({ err: error }, 'stats.failed'),
  });
  await lifecycle.start({ name: 'stats-keeper', ...statsKeeper });

  const subscriptions = createSubscriptionCache({ load: subscriptionLoader(store, options, stopping.signal) });
  const disable = async (subscription: SentSubscription, reason: 'gone' | 'failing', failingSince: Date | null) => {
    const isDisabled = await store.disable(subscription, reason, failingSince);
    const { id, partnerId } = subscription;
    if (isDisabled) log.warn({ subscriptionId: id, partnerId, reason }, 'subscription.disabled');
    return isDisabled;
  };
  const announcer = await startAnnouncer(lifecycle, options, subscriptions, watch);
  const rules = { opensAfter: config.breakerAfter, disableAfterMs: config.disableAfterMs };
  const health = createHealth({ changeHealth: store.changeHealth, disable, announcer, rules });
  const sender = createSender({
    guard: createEgressGuard({ allowedCidrs: config.allowedTargetCidrs }),
    userAgent: `Postrider/${version}`,
  });
  await lifecycle.start({ name: 'sender', stop: () => sender.close() });
  const attempt = watch.attempt(
    logged(
      createAttempt({
        send: sender.send,
        schedule: config.retrySchedule,
        defaultTimeoutMs: config.deliveryTimeoutMs,
        userAgent: `Postrider/${version}`,
      }),
      log,
    ),
  );
  const retry = createRetry({
    claim: (limits) => store.claim({ ...limits, defaultTimeoutMs: config.deliveryTimeoutMs }),
    subscriptions,
    slots: slotsFor(config, 'retry', watch),
    attempt,
    health,
    announcer,
    record: watch.recordLater(store.recordLater),
    cancel: store.cancel,
    putBack: store.putBack,
    scheduled: (delayMs) => retrier.wake(delayMs),
    onError: (error, during) => log.error({ err: error, during }, 'retry.failed'),
  });
  const retrier = createRetrier({ retry, onError: (error) => log.warn({ err: error }, 'claim.failed') });
  await lifecycle.start({ name: 'retrier', ...retrier });

  const recoverer = createRecoverer({
    recover: createRecover({
      inStep: createRecoverySteps(store.pool),
      subscriptions,
      scheduled: (delayMs) => retrier.wake(delayMs),
    }),
    onError: (error) => log.warn({ err: error }, 'recovery.failed'),
  });
  await lifecycle.start({ name: 'recoverer', ...recoverer });

  const ports: DispatchPorts = {
    ...store,
    subscriptions,
    slots: slotsFor(config, 'first', watch),
    attempt,
    health,
    announcer,
    parked: watch.parked,
    deadLetter: watch.deadLetter(async (letter) => {
      await announcer.deadLetter(letter);
      await store.deadLetter(letter);
      log.warn({ messageId: letter.messageId, reason: letter.reason, detail: letter.detail }, 'message.dead_lettered');
    }),
    scheduled: (delayMs) => retrier.wake(delayMs),
  };
  const hear = (change: Change) => {
    if (change.changed === 'health') {
      health.set(change.subscriptionId, change.health && toHealth(change.health));
      if (!health.isOpen(change.subscriptionId)) retrier.wake(0); // what was passed by may go now
    } else if ('partnerId' in change) subscriptions.drop(change.partnerId);
  };
  const heard = telemetry.listener('worker', {
    // Versions make a missed notification of a subscription harmless; what is in trouble is read anew, for as long as it takes.
    onListening: () =>
      store.loadHealth().then(health.replace, (error) => {
        if (!stopping.signal.aborted) log.error({ err: error }, 'health.not_loaded');
      }),
    onError: (error) => log.warn({ err: error }, 'listener.lost'),
  });
  const listener = createListener({ url: databaseUrl, onChange: hear, ...heard });
  await lifecycle.start({ name: 'listener', ...listener });

  const inHand = new Map<string, Promise<void>>();
  const consumers = [
    ...options.transport.lanes.map((lane) => laneConsumer(lane, ports, options, inHand, watch)),
    ...drainConsumers(ports, options, watch),
  ];
  // Stopped first: after it no message comes in, and those in hand are through or handed back.
  await lifecycle.start({
    name: 'consumers',
    start: () => {
      for (const consumer of consumers) consumer.start();
    },
    stop: async (grace) => {
      const cutShort = setTimeout(() => sender.abortAll(CUT_SHORT), grace * CUT_SHORT_AT);
      const giveUp = setTimeout(() => stopping.abort(new Error('the worker is stopping')), grace * GIVE_UP_AT);
      const stops = consumers.map((consumer) => consumer.stop({ graceMs: grace * CONSUMERS_SHARE }));
      await Promise.all([...stops, retrier.stop(), recoverer.stop(), statsKeeper.stop()]);
      clearTimeout(cutShort);
      clearTimeout(giveUp);
    },
  });
  // The last to start is the first to stop: whoever routes work or restarts processes hears of the stop before it begins.
  await lifecycle.start({ name: 'readiness', start: () => probes.turn(true), stop: () => probes.turn(false) });
}

/** /health, /ready and /metrics on METRICS_PORT; from the beginning, so that it can be seen what the start waits for. */
async function startProbes(lifecycle: Lifecycle, store: HotStore, { config, telemetry, log }: WorkerOptions) {
  let running = false;
  const turn = (value: boolean) => {
    running = value;
  };
  const { metricsPort: port, host } = config;
  if (port === 0) return { turn };
  const database = createReadiness(store.pool, (error) => log.warn({ err: error }, 'readiness.failed'));
  const consumers = () => (running ? { ok: true } : { ok: false, detail: 'the worker is starting or stopping' });
  const readiness = async () => [...(await database()), { name: 'consumers', ...consumers() }];
  const server = await startProbeServer({ host, port, expose: telemetry.expose, readiness });
  await lifecycle.start({ name: 'probes', stop: server.stop });
  log.info({ metrics: `${server.url}/metrics` }, 'worker.probes');
  return { turn };
}

/** Operational events go in where all events do. */
async function startAnnouncer(
  lifecycle: Lifecycle,
  { config, transport, aws, log }: WorkerOptions,
  subscriptions: SubscriptionCache,
  watch: Watch,
) {
  const sns = createSnsTransport({ topicArn: transport.topicArn, aws });
  const publisher = createPublisher({ transport: sns, deadlineMs: ANNOUNCE_DEADLINE_MS });
  await lifecycle.start({ name: 'announcer', stop: () => publisher.close() });
  return createAnnouncer({
    subscriptions,
    publish: async (event) => {
      const message = { body: encodeEnvelope(event), groupId: event.partnerId, attributes: { lane: 'live' } };
      return (await publisher.publish(message)).ok;
    },
    onUnpublished: ({ type, partnerId, data }) => {
      watch.unpublished();
      log.warn({ type, partnerId, data }, 'announcement.unpublished');
    },
    disableAfterMs: config.disableAfterMs,
  });
}

/** Partitions exist before the first event, whoever is elected; from then on the maintainer sees to it. */
function housekeeping(store: HotStore, { config, databaseUrl, log }: WorkerOptions, watch: Watch) {
  let stopping = false;
  const onError = (error: unknown, during: string) =>
    stopping ? undefined : log.warn({ err: error, during }, 'maintenance.failed');
  const maintenance = createMaintenance({
    url: databaseUrl,
    onError: (error) => ports.onError(error, 'connection'),
  });
  const ports = watch.maintenance({
    ...maintenance,
    makePartitions: () => ensurePartitions(store.pool),
    onRun: (run: MaintenanceRun) => log.info(run, 'maintenance.finished'),
    onError,
  });
  const maintainer = createMaintainer(createMaintain(ports, { retentionMs: config.retentionMs }));
  return {
    name: 'maintenance',
    start: async () => {
      await store.ensurePartitions();
      maintainer.start();
    },
    stop: async () => {
      stopping = true;
      await maintenance.close(); // what is under way fails, and is taken up by the next maintainer
      await maintainer.stop();
    },
  };
}

function subscriptionLoader(store: HotStore, { encryptionKeys, log }: WorkerOptions, signal: AbortSignal) {
  const load = createLoadSubscriptions(store.pool, createCipher(encryptionKeys));
  const onRetry = (error: Error, attempt: number) => log.warn({ err: error, attempt }, 'store.waiting');
  return async (partnerId: string) => {
    const loaded = await load(partnerId, (call) => untilStored(call, { signal, onRetry }));
    if (!loaded) return null;
    const unreadable = loaded.subscriptions.filter(({ readable }) => !readable).map(({ id }) => id);
    if (unreadable.length > 0) log.error({ partnerId, subscriptionIds: unreadable }, 'subscriptions.undecryptable');
    return { version: loaded.version, subscriptions: loaded.subscriptions.map(withKeys) };
  };
}

const withKeys = ({ secrets, ...subscription }: LoadedSubscription): DeliverableSubscription => ({
  ...subscription,
  keys: secrets.map(({ algorithm, bytes, expiresAt }) => ({ key: signingKey(algorithm, bytes), expiresAt })),
});

function slotsFor({ workerConcurrency, subscriptionConcurrency }: Config, kind: 'first' | 'retry', watch: Watch) {
  const share = kind === 'retry' ? RETRY_SHARE : 1 - RETRY_SHARE;
  const part = (whole: number) => Math.max(1, Math.round(whole * share));
  const total = part(workerConcurrency);
  return watch.slots(kind, createSlots({ total, perSubscription: part(subscriptionConcurrency) }), total);
}

function laneConsumer(
  { name: lane, queueUrl }: LaneConfig,
  ports: DispatchPorts,
  options: WorkerOptions,
  inHand: Map<string, Promise<void>>,
  watch: Watch,
): Consumer {
  const { workerConcurrency: maxInFlight, deliveryTimeoutMs: defaultTimeoutMs } = options.config;
  const dispatch = createDispatch(watch.ports(lane, ports), { lane, defaultTimeoutMs, inHand });
  const handle = watch.handle<Message>(lane, dispatch);
  const queue = watch.queues.lane(lane, createSqsTransport({ queueUrl, aws: options.aws }));
  const events = { error: 'consumer.error', failed: 'dispatch.failed' };
  return watch.queues.consumer(lane, consume({ lane, queue, handle, limits: { maxInFlight }, events }, options));
}

interface Consumed {
  readonly lane: string;
  readonly queue: QueueTransport;
  /** Settles the message; rejects when it could not be handled. */
  handle(message: Message): Promise<void>;
  readonly limits: Pick<ConsumerOptions, 'maxInFlight' | 'maxPollers'>;
  /** The log events of trouble with the queue, and of a message that could not be handled. */
  readonly events: { readonly error: string; readonly failed: string };
}

/** Consumes a queue message by message: one that fails goes back by itself, and the others of its batch go on. */
function consume({ lane, queue, handle, limits, events }: Consumed, { log }: WorkerOptions): Consumer {
  return createConsumer({
    transport: queue,
    waitSeconds: WAIT_SECONDS,
    ...limits,
    onError: (error, { during, message }) =>
      log.warn({ err: error, lane, during, messageId: message?.id }, events.error),
    handler: (messages) => {
      for (const message of messages) {
        handle(message).catch((error) => {
          log.error({ err: error, lane, messageId: message.id, receiveCount: message.receiveCount }, events.failed);
          return message.return(RETURN_SECONDS);
        });
      }
    },
  });
}

/** One for each dead-letter queue. Lanes may share one: its letters then count as the first lane's that has it. */
function drainConsumers(ports: DrainPorts, options: WorkerOptions, watch: Watch): Consumer[] {
  const { lanes } = options.transport;
  const first = lanes.filter((lane, at) => lanes.findIndex(sameDeadLetterQueue(lane)) === at);
  return first.flatMap(({ name, deadLetterQueueUrl }) =>
    deadLetterQueueUrl ? [drainConsumer(name, deadLetterQueueUrl, ports, options, watch)] : [],
  );
}

const sameDeadLetterQueue =
  ({ deadLetterQueueUrl }: LaneConfig) =>
  (other: LaneConfig) =>
    other.deadLetterQueueUrl === deadLetterQueueUrl;

function drainConsumer(
  lane: string,
  queueUrl: string,
  ports: DrainPorts,
  options: WorkerOptions,
  watch: Watch,
): Consumer {
  const queue = watch.queues.deadLetters(lane, createSqsTransport({ queueUrl, aws: options.aws }));
  const limits = { maxInFlight: DRAINED_AT_ONCE, maxPollers: 2 };
  const events = { error: 'drain.error', failed: 'drain.failed' };
  return consume({ lane, queue, handle: createDrain(ports, { lane }), limits, events }, options);
}

/** A worker as a process of its own, by the environment. */
export async function runWorker(): Promise<void> {
  const config = configOrExit(process.env, 'worker');
  const telemetry = await startTelemetry(version, config.tracing);
  const log = createLog(config.logLevel, telemetry.traceId);
  await runProcess(log, config.shutdownGraceMs, async (lifecycle) => {
    await lifecycle.start({ name: 'telemetry', stop: telemetry.stop });
    const databaseUrl = config.databaseUrl as string;
    await migrateWhenUp(databaseUrl, log);
    await startWorker(lifecycle, {
      config,
      databaseUrl,
      transport: config.transport as TransportConfig,
      aws: { region: config.awsRegion, ...(config.awsEndpointUrl && { endpoint: config.awsEndpointUrl }) },
      encryptionKeys: config.encryptionKeys,
      log,
      telemetry,
    });
    log.info({ version }, 'worker.started');
    process.send?.({ started: true });
  });
}

if (import.meta.main) await runWorker();
