import { describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';

const KEYS = { ENCRYPTION_KEYS: Buffer.alloc(32, 7).toString('base64'), ADMIN_API_KEY: 'k'.repeat(20) };

describe('readConfig', () => {
  it('needs nothing for the all-in-one process', () => {
    const config = readConfig({}, 'all');
    expect(config).toMatchObject({ port: 8080, host: '127.0.0.1', databaseUrl: null, transport: null });
    expect(config.retrySchedule.delaysMs).toHaveLength(9);
    expect(config.retrySchedule.delaysMs.slice(0, 2)).toEqual([5_000, 300_000]);
    expect(config.allowHttpTargets).toBe(true);
  });

  it('lets no webhook into private networks unless it is told to, outside the embedded mode', () => {
    const env = {
      DATABASE_URL: 'postgres://db/postrider',
      EVENTS_TOPIC_ARN: 'arn:aws:sns:eu-west-1:1:events',
      EVENTS_QUEUE_URL: 'https://sqs/live',
      EVENTS_BULK_QUEUE_URL: 'https://sqs/bulk',
      EVENTS_DLQ_URL: 'https://sqs/dlq',
      EVENTS_SLOW_QUEUE_URL: '',
      EVENTS_SLOW_DLQ_URL: '',
      ...KEYS,
    };
    const config = readConfig(env, 'all');
    expect(config).toMatchObject({ allowedTargetCidrs: [], allowHttpTargets: false });
    expect(config.transport?.lanes).toEqual([
      { name: 'live', queueUrl: 'https://sqs/live', deadLetterQueueUrl: 'https://sqs/dlq' },
      { name: 'bulk', queueUrl: 'https://sqs/bulk', deadLetterQueueUrl: null },
    ]);
  });

  it('reports all faults at once, each with what to change', () => {
    const env = {
      PORT: '80a',
      RETRY_SCHEDULE: '5s,soon',
      RETRY_JITTER: '2',
      DELIVERY_TIMEOUT: '1h',
      ALLOW_HTTP_TARGETS: 'maybe',
      LOG_LEVEL: 'loud',
      ENCRYPTION_KEYS: 'c2hvcnQ=',
      ADMIN_API_KEY: 'short',
      EVENTS_TOPIC_ARN: 'arn',
      SUBSCRIPTION_CONCURRENCY: '1',
    };
    expect(() => readConfig(env, 'all')).toThrow(/10 fault\(s\)/);
    for (const name of Object.keys(env)) expect(() => readConfig(env, 'all')).toThrow(name);
  });

  it('keeps a delivery on record for as long as its schedule lasts', () => {
    expect(readConfig({}, 'all').retentionMs).toBe(30 * 86_400_000);
    expect(readConfig({ RETENTION: '5d' }, 'all').retentionMs).toBe(5 * 86_400_000);
    expect(() => readConfig({ RETENTION: '4d' }, 'all')).toThrow(
      /RETENTION is too short for RETRY_SCHEDULE: make it 5d/,
    );
    expect(readConfig({ RETENTION: '2d', RETRY_SCHEDULE: '5s,5m' }, 'all').retentionMs).toBe(2 * 86_400_000);
    expect(() => readConfig({ RETENTION: '1h' }, 'all')).toThrow('RETENTION');
  });

  it('makes no keys for a database that outlives DATA_DIR', () => {
    const env = { DATABASE_URL: 'postgres://db/postrider' };
    expect(() => readConfig(env, 'all')).toThrow(/2 fault\(s\)/);
    for (const name of Object.keys(KEYS)) {
      expect(() => readConfig({ ...env, ...KEYS, [name]: '' }, 'all')).toThrow(
        new RegExp(`1 fault.*\n.*${name} is missing: .*openssl rand .*DATABASE_URL`),
      );
    }
    expect(() => readConfig({ ...env, ...KEYS, ADMIN_API_KEY: 'short' }, 'all')).toThrow(/1 fault\(s\)/);
    expect(readConfig({ ...env, ...KEYS }, 'all').encryptionKeys).toHaveLength(1);
  });

  it('tells a role of its own what it lacks', () => {
    for (const name of ['DATABASE_URL', 'EVENTS_TOPIC_ARN', 'ENCRYPTION_KEYS', 'ADMIN_API_KEY']) {
      expect(() => readConfig({}, 'api')).toThrow(name);
    }
  });

  it('makes traces only where it is said where they go', () => {
    expect(readConfig({}, 'all').tracing).toBeNull();
    const on = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };
    expect(readConfig(on, 'all').tracing).toEqual({
      exporter: 'otlp',
      serviceName: 'postrider',
      sampler: 'parentbased_always_on',
      ratio: 1,
    });
    expect(readConfig({ ...on, OTEL_SDK_DISABLED: 'true' }, 'all').tracing).toBeNull();
    expect(readConfig({ ...on, OTEL_TRACES_EXPORTER: 'none' }, 'all').tracing).toBeNull();
    const sampled = {
      OTEL_TRACES_EXPORTER: 'console',
      OTEL_TRACES_SAMPLER: 'traceidratio',
      OTEL_TRACES_SAMPLER_ARG: '0.1',
    };
    expect(readConfig(sampled, 'all').tracing).toMatchObject({
      exporter: 'console',
      sampler: 'traceidratio',
      ratio: 0.1,
    });
    expect(() => readConfig({ OTEL_TRACES_EXPORTER: 'zipkin' }, 'all')).toThrow(/OTEL_TRACES_EXPORTER/);
  });

  it('gives probes and metrics a port of their own in a worker only', () => {
    expect(readConfig({}, 'all').metricsPort).toBe(0);
    const worker = {
      DATABASE_URL: 'postgres://db/postrider',
      EVENTS_TOPIC_ARN: 'arn:aws:sns:eu-west-1:1:events',
      EVENTS_QUEUE_URL: 'https://sqs/live',
      ENCRYPTION_KEYS: Buffer.alloc(32).toString('base64'),
      ADMIN_API_KEY: 'a_long_random_text_of_some_length',
    };
    expect(readConfig(worker, 'worker').metricsPort).toBe(9464);
    expect(readConfig({ ...worker, METRICS_PORT: '0' }, 'worker').metricsPort).toBe(0);
  });
});
