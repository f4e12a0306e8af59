import { parse as parseMs } from '@lukeed/ms';

/** One queue of the service and where what cannot be handled there ends. */
export interface LaneConfig {
  readonly name: string;
  readonly queueUrl: string;
  readonly deadLetterQueueUrl: string | null;
}

/** Existing SNS/SQS resources; null: the embedded ones, or those that are created on demand. */
export interface TransportConfig {
  readonly topicArn: string;
  readonly lanes: readonly LaneConfig[];
}

/** The settings of docs/DESIGN.md §7, typed and final. */
export interface Config {
  readonly port: number;
  readonly host: string;
  readonly dataDir: string;
  /** Null: embedded Postgres. */
  readonly databaseUrl: string | null;
  /** Null: embedded SNS/SQS. */
  readonly transport: TransportConfig | null;
  readonly awsRegion: string;
  readonly awsEndpointUrl: string | null;
  /** Null: made once and kept in DATA_DIR (embedded Postgres only). */
  readonly adminApiKey: string | null;
  /** 32 bytes each, newest first; empty: made once and kept in DATA_DIR (embedded Postgres only). */
  readonly encryptionKeys: readonly Buffer[];
  readonly retrySchedule: { readonly delaysMs: readonly number[]; readonly jitter: number };
  readonly deliveryTimeoutMs: number;
  readonly allowedTargetCidrs: readonly string[];
  readonly allowHttpTargets: boolean;
  readonly workerConcurrency: number;
  readonly subscriptionConcurrency: number;
  /** Requests a second for each API key, in each process; 0: no limit. */
  readonly apiRateLimit: number;
  /** Failures in a row that open a subscription's breaker; 0: none do. */
  readonly breakerAfter: number;
  /** A subscription that nothing but fails for so long is disabled. */
  readonly disableAfterMs: number;
  /** How long events, deliveries, attempts and dead letters are kept. */
  readonly retentionMs: number;
  readonly shutdownGraceMs: number;
  /** How long the API goes on answering after SIGTERM, not ready any more. */
  readonly drainDelayMs: number;
  readonly logLevel: string;
  /** Where a worker answers /health, /ready and /metrics, in plain HTTP and without keys; 0: nowhere. */
  readonly metricsPort: number;
  /** Null: no traces. Where they go, the exporter reads from OTEL_EXPORTER_OTLP_* by itself. */
  readonly tracing: TracingConfig | null;
}

export interface TracingConfig {
  readonly serviceName: string;
  readonly exporter: 'otlp' | 'console';
  readonly sampler: (typeof SAMPLERS)[number];
  /** Share of the traces that samplers with `traceidratio` keep. */
  readonly ratio: number;
}

/** The environment does not make a configuration. Lists every fault, each with what to change. */
export class ConfigError extends Error {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`the settings have ${faults.length} fault(s):\n${faults.map((fault) => `  - ${fault}`).join('\n')}`);
    this.name = 'ConfigError';
    this.faults = faults;
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Which parts of the service a process runs: only `all` brings its own Postgres and SNS/SQS where none is configured. `database`: none, it
 * works on the database and asks for what it needs.
 */
export type Role = 'all' | 'api' | 'worker' | 'database';

const DAY_MS = 86_400_000;
const DEFAULT_SCHEDULE = '5s,5m,30m,2h,5h,10h,14h,20h,24h';
const LOOPBACK = '127.0.0.0/8,::1/128';
const SAMPLERS = [
  'always_on',
  'always_off',
  'traceidratio',
  'parentbased_always_on',
  'parentbased_always_off',
  'parentbased_traceidratio',
] as const;
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'];

/**
 * Reads the settings from an environment.
 *
 * @throws {ConfigError} naming all faults at once
 */
export function readConfig(env: Environment, role: Role): Config {
  const faults: string[] = [];
  const read = reader(env, faults);
  const databaseUrl = read.text('DATABASE_URL');
  const transport = readTransport(read.text, faults, Object.keys(env));
  const embedded = databaseUrl === null || transport === null;
  const config: Config = {
    port: read.integer('PORT', 8080, [0, 65_535]),
    host: read.text('HOST') ?? '127.0.0.1',
    dataDir: read.text('DATA_DIR') ?? '.postrider',
    databaseUrl,
    transport,
    awsRegion: read.text('AWS_REGION') ?? 'us-east-1',
    awsEndpointUrl: read.text('AWS_ENDPOINT_URL'),
    adminApiKey: read.matching('ADMIN_API_KEY', /^[\x21-\x7e]{20,}$/, '20 or more printable characters without spaces'),
    encryptionKeys: readKeys(read.list('ENCRYPTION_KEYS', ''), faults),
    retrySchedule: {
      delaysMs: read.durations('RETRY_SCHEDULE', DEFAULT_SCHEDULE),
      jitter: read.number('RETRY_JITTER', 0.1, [0, 1]),
    },
    deliveryTimeoutMs: read.duration('DELIVERY_TIMEOUT', '15s', [100, 30_000]),
    allowedTargetCidrs: read.list('ALLOWED_TARGET_CIDRS', embedded ? LOOPBACK : ''),
    allowHttpTargets: read.boolean('ALLOW_HTTP_TARGETS', embedded),
    workerConcurrency: read.integer('WORKER_CONCURRENCY', 512, [10, 10_000]),
    subscriptionConcurrency: read.integer('SUBSCRIPTION_CONCURRENCY', 64, [2, 10_000]),
    apiRateLimit: read.integer('API_RATE_LIMIT', 1_000, [0, 1_000_000]),
    breakerAfter: read.integer('BREAKER_AFTER', 10, [0, 100_000]),
    disableAfterMs: read.duration('DISABLE_AFTER', '5d', [1_000, 365 * 86_400_000]),
    retentionMs: read.duration('RETENTION', '30d', [DAY_MS, 3_650 * DAY_MS]),
    shutdownGraceMs: read.duration('SHUTDOWN_GRACE', '25s', [1_000, 900_000]),
    drainDelayMs: read.duration('DRAIN_DELAY', role === 'api' ? '5s' : '0s', [0, 300_000]),
    logLevel: read.oneOf('LOG_LEVEL', 'info', LOG_LEVELS),
    metricsPort: read.integer('METRICS_PORT', role === 'worker' ? 9464 : 0, [0, 65_535]),
    tracing: readTracing(read),
  };
  faults.push(...shortRetention(config));
  if (role === 'api' || role === 'worker') faults.push(...missingForRole(config));
  if (role !== 'database' && (role !== 'all' || databaseUrl !== null)) faults.push(...missingKeys(read.text, role));
  if (faults.length > 0) throw new ConfigError(faults);
  return Object.freeze(config);
}

/** As {@link readConfig}, for a process: faults are printed, and end it with code 1. */
export function configOrExit(env: Environment, role: Role): Config {
  try {
    return readConfig(env, role);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    console.error(error.message);
    process.exit(1);
  }
}

/** A delivery must not be dropped while it is on its schedule; a day is left for waits that receivers ask for. */
function shortRetention({ retentionMs, retrySchedule: { delaysMs, jitter } }: Config): string[] {
  const neededMs = delaysMs.reduce((sum, delayMs) => sum + delayMs, 0) * (1 + jitter) + DAY_MS;
  if (retentionMs >= neededMs) return [];
  const days = Math.ceil(neededMs / DAY_MS);
  return [`RETENTION is too short for RETRY_SCHEDULE: make it ${days}d or longer, or the schedule shorter`];
}

/** What a process of its own cannot make for itself. */
function missingForRole(config: Config): string[] {
  const needs: [boolean, string][] = [
    [config.databaseUrl === null, 'DATABASE_URL is missing: a PostgreSQL connection URL'],
    [config.transport === null, 'EVENTS_TOPIC_ARN and EVENTS_QUEUE_URL are missing: the SNS topic and its SQS queue'],
  ];
  return needs.filter(([missing]) => missing).map(([, fault]) => fault);
}

/** Traces are on where an exporter or its endpoint is set (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/). */
function readTracing(read: ReturnType<typeof reader>): TracingConfig | null {
  const isTarget = read.text('OTEL_EXPORTER_OTLP_ENDPOINT') ?? read.text('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT');
  const exporter = read.oneOf('OTEL_TRACES_EXPORTER', isTarget ? 'otlp' : 'none', ['otlp', 'console', 'none'] as const);
  const settings = {
    serviceName: read.text('OTEL_SERVICE_NAME') ?? 'postrider',
    sampler: read.oneOf('OTEL_TRACES_SAMPLER', 'parentbased_always_on', SAMPLERS),
    ratio: read.number('OTEL_TRACES_SAMPLER_ARG', 1, [0, 1]),
  };
  if (exporter === 'none' || read.boolean('OTEL_SDK_DISABLED', false)) return null;
  return { exporter, ...settings };
}

type ReadText = (name: string) => string | null;

/**
 * Keys made for oneself stand in DATA_DIR, as the embedded database does. A database elsewhere outlives that folder: its secrets
 * could not be decrypted any more.
 */
function missingKeys(text: ReadText, role: Role): string[] {
  const why = role === 'all' ? '; with DATABASE_URL it is not made for you: it must last as long as that database' : '';
  const needs = [
    ['ENCRYPTION_KEYS', 'base64 of 32 random bytes (openssl rand -base64 32)'],
    ['ADMIN_API_KEY', 'a long random text (openssl rand -hex 24)'],
  ] as const;
  return needs.filter(([name]) => text(name) === null).map(([name, what]) => `${name} is missing: ${what}${why}`);
}

/**
 * The live lane's queue has no infix; each further lane is named by its own: EVENTS_BULK_QUEUE_URL. Empty is not set: compose files
 * pass on what they do not know.
 */
function readTransport(text: ReadText, faults: string[], names: readonly string[]): TransportConfig | null {
  const topicArn = text('EVENTS_TOPIC_ARN');
  const queueUrl = text('EVENTS_QUEUE_URL');
  if (!topicArn && !queueUrl) return null;
  if (!topicArn || !queueUrl) {
    faults.push('EVENTS_TOPIC_ARN and EVENTS_QUEUE_URL go together: set both, or none for the embedded ones');
    return null;
  }
  const live = { name: 'live', queueUrl, deadLetterQueueUrl: text('EVENTS_DLQ_URL') };
  const lanes = names.flatMap((name): LaneConfig[] => {
    const infix = /^EVENTS_([A-Z0-9_]+)_QUEUE_URL$/.exec(name)?.[1];
    const url = text(name);
    if (infix === undefined || url === null) return [];
    return [{ name: infix.toLowerCase(), queueUrl: url, deadLetterQueueUrl: text(`EVENTS_${infix}_DLQ_URL`) }];
  });
  return { topicArn, lanes: [live, ...lanes] };
}

function readKeys(texts: readonly string[], faults: string[]): Buffer[] {
  const keys = texts.map((text) => Buffer.from(text, 'base64'));
  if (keys.some(({ length }) => length !== 32)) faults.push('ENCRYPTION_KEYS must each be base64 of exactly 32 bytes');
  return keys;
}

/** Parsers of one setting each; what does not parse is noted as a fault, and all are reported together. */
function reader(env: Environment, faults: string[]) {
  const text = (name: string): string | null => env[name]?.trim() || null;

  function parsed<T>(name: string, fallback: T, parse: (value: string) => T | undefined, expected: string): T {
    const value = text(name);
    if (value === null) return fallback;
    const result = parse(value);
    if (result === undefined) faults.push(`${name} is ${JSON.stringify(value)}: it must be ${expected}`);
    return result ?? fallback;
  }

  const number = (name: string, fallback: number, [min, max]: [number, number]) =>
    parsed(name, fallback, (value) => inRange(Number(value), min, max), `a number from ${min} to ${max}`);

  const integer = (name: string, fallback: number, [min, max]: [number, number]) =>
    parsed(
      name,
      fallback,
      (value) => (/^\d+$/.test(value) ? inRange(Number(value), min, max) : undefined),
      `a whole number from ${min} to ${max}`,
    );

  const duration = (name: string, fallback: string, [min, max]: [number, number]) =>
    parsed(
      name,
      parseDuration(fallback) as number,
      (value) => inRange(parseDuration(value) ?? Number.NaN, min, max),
      `a duration such as ${fallback}, from ${min} ms to ${max} ms (units ms s m h d)`,
    );

  const list = (name: string, fallback: string): string[] =>
    (text(name) ?? fallback)
      .split(',')
      .map((each) => each.trim())
      .filter(Boolean);

  const durations = (name: string, fallback: string): number[] =>
    parsed(
      name,
      allDurations(fallback) as number[],
      allDurations,
      `durations with commas, such as ${fallback} (units ms s m h d)`,
    );

  const boolean = (name: string, fallback: boolean) =>
    parsed(name, fallback, (value) => ({ true: true, false: false })[value.toLowerCase()], 'true or false');

  const oneOf = <T extends string>(name: string, fallback: T, values: readonly T[]) =>
    parsed(name, fallback, (value) => values.find((each) => each === value), `one of ${values.join(', ')}`);

  const matching = (name: string, pattern: RegExp, expected: string) =>
    parsed<string | null>(name, null, (value) => (pattern.test(value) ? value : undefined), expected);

  return { text, number, integer, duration, durations, list, boolean, oneOf, matching };
}

const inRange = (value: number, min: number, max: number): number | undefined =>
  value >= min && value <= max ? value : undefined;

const parseDuration = (text: string): number | undefined =>
  /^\d+(\.\d+)?(ms|s|m|h|d)$/.test(text) ? (parseMs(text) ?? 0) : undefined; // the library knows no zero

function allDurations(text: string): number[] | undefined {
  const all = text.split(',').map((each) => parseDuration(each.trim()));
  return all.every((each) => each !== undefined) ? all : undefined;
}
