import { randomBytes } from 'node:crypto';
import { ListSubscriptionsByTopicCommand, SetSubscriptionAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { DeleteQueueCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createTestDatabase } from '../support/database.ts';
import { type Service, startService } from '../support/service.ts';
import { type Environment, postrider, postriderJson } from './run.ts';

interface Finding {
  level: string;
  part: string;
  detail: string;
}

describe('postrider doctor', () => {
  let service: Service;
  let healthy: Environment;
  let sqs: SQSClient;
  let sns: SNSClient;

  beforeAll(async () => {
    service = await startService({ workers: 0 });
    sqs = new SQSClient({ ...service.aws, useQueueUrlAsEndpoint: false });
    sns = new SNSClient(service.aws);
    healthy = { ...service.env, POSTRIDER_URL: service.apiUrl };
    await service.addPartner('acme', ['http://127.0.0.1:9/hooks']);
  });
  afterAll(async () => {
    sqs.destroy();
    sns.destroy();
    await service.stop();
  });

  const doctor = (env: Environment) => postrider(['doctor', '--role', 'api'], { ...healthy, ...env });

  it('finds nothing wrong where nothing is', async () => {
    const { code, stdout } = await doctor({});
    expect(stdout).not.toMatch(/^[!✗]/m);
    for (const part of [
      'settings',
      'database',
      'clock',
      'migrations',
      'encryption keys',
      'topic',
      'queue of lane live',
      'subscription of lane bulk',
      'dead-letter queue of lane bulk',
      'egress',
      'API key',
    ]) {
      expect(stdout).toMatch(new RegExp(`^✓ ${part}: `, 'm'));
    }
    expect(code).toBe(0);
    const findings = await postriderJson<Finding[]>(['doctor'], healthy);
    expect(findings.every(({ level }) => level === 'ok')).toBe(true);
  });

  it('lists all faults of the settings', async () => {
    const { code, stdout } = await doctor({ PORT: 'x', LOG_LEVEL: 'loud', ENCRYPTION_KEYS: 'c2hvcnQ=' });
    expect(code).toBe(1);
    for (const name of ['PORT', 'LOG_LEVEL', 'ENCRYPTION_KEYS'])
      expect(stdout).toMatch(new RegExp(`^✗ settings: ${name}`, 'm'));
  });

  it.each([
    [
      'nobody listens',
      { DATABASE_URL: 'postgresql://127.0.0.1:9/x' },
      /^✗ database: nobody listens there: .*DATABASE_URL/m,
    ],
    ['the database is another', { DATABASE_URL: '/missing' }, /^✗ database: there is no such database: create it/m],
    ['the password is wrong', { DATABASE_URL: 'password' }, /^✗ database: user or password is wrong/m],
    [
      'a key is missing',
      { ENCRYPTION_KEYS: randomBytes(32).toString('base64') },
      /^✗ encryption keys: a row of secrets .*not among ENCRYPTION_KEYS/m,
    ],
    ['a range is none', { ALLOWED_TARGET_CIDRS: '10.0.0.0/99' }, /^✗ egress: ALLOWED_TARGET_CIDRS: /m],
    ['the API key is wrong', { POSTRIDER_API_KEY: 'wrong' }, /^✗ API key: .*401.*POSTRIDER_API_KEY/m],
    ['the API is away', { POSTRIDER_URL: 'http://127.0.0.1:9' }, /^✗ API: http:\/\/127.0.0.1:9 cannot be reached/m],
    [
      'the topic is missing',
      { EVENTS_TOPIC_ARN: 'arn:aws:sns:us-east-1:000000000000:none' },
      /^✗ topic: it does not exist/m,
    ],
    [
      'a queue is missing',
      { EVENTS_BULK_QUEUE_URL: 'http://sqs/000000000000/none' },
      /^✗ queue of lane bulk: it does not exist/m,
    ],
    [
      'dead letters go elsewhere',
      { EVENTS_DLQ_URL: 'bulk' },
      /^✗ queue of lane live: its dead letters go to .*-live-dlq, while the settings name/m,
    ],
  ])('says it when %s', async (_, change: Environment, says) => {
    const { code, stdout } = await doctor(resolved(change));
    expect(stdout).toMatch(says);
    expect(code).toBe(1);
  });

  /** Some values are known only once the service runs. */
  function resolved(change: Environment): Environment {
    const url = new URL(service.env.DATABASE_URL);
    if (change.DATABASE_URL === '/missing') return { DATABASE_URL: Object.assign(url, { pathname: '/missing' }).href };
    if (change.DATABASE_URL === 'password') return { DATABASE_URL: Object.assign(url, { password: 'wrong' }).href };
    if (change.EVENTS_DLQ_URL === 'bulk') return { EVENTS_DLQ_URL: service.topology.lanes.bulk?.deadLetterQueueUrl };
    return change;
  }

  it('warns of what works all the same', async () => {
    const { drop, url } = await createTestDatabase({ empty: true });
    onTestFinished(drop);
    const { code, stdout } = await doctor({ DATABASE_URL: url, EVENTS_BULK_DLQ_URL: undefined });
    expect(stdout).toMatch(/^! migrations: \d+ pending: run postrider migrate/m);
    expect(stdout).toMatch(/^! dead-letter queue of lane bulk: not set, .* EVENTS_BULK_DLQ_URL/m);
    expect(code).toBe(0);
    expect((await doctor({ ALLOWED_TARGET_CIDRS: '' })).stdout).toMatch(
      /^! egress to sub_\w+: 127.0.0.1 is .*ALLOWED_TARGET_CIDRS/m,
    );
  });

  it('names the attributes of queues and subscriptions that do harm', async () => {
    const { topicArn: TopicArn, lanes } = service.topology;
    const QueueUrl = lanes.live?.queueUrl;
    const { Subscriptions } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn }));
    const { SubscriptionArn } = Subscriptions!.find(({ Endpoint }) => Endpoint?.endsWith('-bulk'))!;
    const Attributes = { Policy: '{}', VisibilityTimeout: '7' };
    await sqs.send(new SetQueueAttributesCommand({ QueueUrl, Attributes }));
    const set = (AttributeName: string, AttributeValue: string) =>
      sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }));
    await set('RawMessageDelivery', 'false');
    await set('FilterPolicy', '{"lane":["reports"]}');

    const { code, stdout } = await doctor({});
    expect(code).toBe(1);
    expect(stdout).toMatch(/^✗ queue of lane live: its policy does not let arn:\S+ send/m);
    expect(stdout).toMatch(/^! queue of lane live: VisibilityTimeout is 7: set it to 30$/m);
    expect(stdout).toMatch(/^✗ subscription of lane bulk: RawMessageDelivery is false: set it to true$/m);
    expect(stdout).toMatch(
      /^✗ subscription of lane bulk: FilterPolicy is \{"lane":\["reports"\]\}: set it to \{"lane":\["bulk"\]\}$/m,
    );
    await sqs.send(new DeleteQueueCommand({ QueueUrl: lanes.bulk?.deadLetterQueueUrl }));
    expect((await doctor({})).stdout).toMatch(/^✗ dead-letter queue of lane bulk: it does not exist/m);
  });

  it('has nothing to ask for where all is embedded', async () => {
    const { code, stdout } = await postrider(['doctor']);
    expect(stdout).toMatch(/^✓ database: embedded/m);
    expect(code).toBe(0);
  });
});
