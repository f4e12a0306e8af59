import { ListSubscriptionsCommand, SetSubscriptionAttributesCommand, SNSClient } from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startTestEmulator, type TestEmulator } from '../support/emulator.ts';
import { type Environment, postrider, postriderJson } from './run.ts';

interface Applied {
  topicArn: string;
  lanes: Record<string, { queueUrl: string; deadLetterQueueUrl: string }>;
  environment: Record<string, string>;
}

describe('postrider topology', () => {
  let emulator: TestEmulator;
  let env: Environment;
  let sqs: SQSClient;
  let sns: SNSClient;

  beforeAll(async () => {
    emulator = await startTestEmulator();
    const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
    env = { AWS_ENDPOINT_URL: emulator.endpoint, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test' };
    const client = { region: 'us-east-1', endpoint: emulator.endpoint, credentials };
    sqs = new SQSClient({ ...client, useQueueUrlAsEndpoint: false });
    sns = new SNSClient(client);
  });
  afterAll(async () => {
    sqs.destroy();
    sns.destroy();
    await emulator.stop();
  });

  const plan = (...args: string[]) => postrider(['topology', 'plan', ...args], env);

  async function queueCount(): Promise<number> {
    const { ListQueuesCommand } = await import('@aws-sdk/client-sqs');
    return (await sqs.send(new ListQueuesCommand({}))).QueueUrls?.length ?? 0;
  }

  it('plans on nothing, and makes nothing by it', async () => {
    const { code, stdout } = await plan();
    expect(code).toBe(0);
    expect(stdout).toContain('+ create topic postrider-events\n');
    for (const queue of ['live', 'live-dlq', 'bulk', 'bulk-dlq'])
      expect(stdout).toContain(`+ create queue postrider-events-${queue}\n`);
    expect(stdout).toContain('+ create SNS subscription of postrider-events-bulk');
    expect(await queueCount()).toBe(0);
    expect((await plan('--detailed-exitcode')).code).toBe(2);
    expect(await postrider(['topology', 'show'], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no such topology/),
    });
  });

  it('applies, and prints the settings that the service is started with', async () => {
    const { code, stdout } = await postrider(['topology', 'apply'], env);
    expect(code).toBe(0);
    const printed = Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split('=') as [string, string]),
    );
    const { transport } = readConfig(printed, 'all');
    expect(transport?.topicArn).toMatch(/:postrider-events$/);
    expect(transport?.lanes.map(({ name, deadLetterQueueUrl }) => [name, deadLetterQueueUrl !== null])).toEqual([
      ['live', true],
      ['bulk', true],
    ]);
    expect((await postrider(['topology', 'show'], env)).stdout).toBe(stdout);
    expect(await plan('--detailed-exitcode')).toMatchObject({ code: 0, stdout: 'nothing to do: all is as defined\n' });
  });

  it('names what was changed since, and apply mends it', async () => {
    const { lanes, topicArn } = await postriderJson<Applied>(['topology', 'show'], env);
    const QueueUrl = lanes.bulk?.queueUrl as string;
    await sqs.send(
      new SetQueueAttributesCommand({ QueueUrl, Attributes: { VisibilityTimeout: '5', RedrivePolicy: '' } }),
    );
    const { Subscriptions = [] } = await sns.send(new ListSubscriptionsCommand({}));
    const { SubscriptionArn } = Subscriptions.find(
      ({ Endpoint, TopicArn }) => TopicArn === topicArn && Endpoint?.endsWith('-live'),
    )!;
    await sns.send(
      new SetSubscriptionAttributesCommand({
        SubscriptionArn,
        AttributeName: 'RawMessageDelivery',
        AttributeValue: 'false',
      }),
    );

    const { stdout } = await plan();
    expect(stdout).toContain(
      '~ change queue postrider-events-bulk\n    VisibilityTimeout: 5 → 30\n    RedrivePolicy: (not set) → {',
    );
    expect(stdout).toContain(
      '~ change SNS subscription of postrider-events-live\n    RawMessageDelivery: false → true',
    );
    const { Attributes } = await sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['VisibilityTimeout'] }),
    );
    expect(Attributes?.VisibilityTimeout, 'a plan changes nothing').toBe('5');

    await postriderJson(['topology', 'apply'], env);
    expect((await plan()).stdout).toBe('nothing to do: all is as defined\n');
  });

  it('adds a lane to another topology, by name', async () => {
    const named = ['--name', 'staging'];
    await postriderJson(['topology', 'apply', ...named, '--lanes', 'live'], env);
    const { stdout } = await plan(...named, '--lanes', 'live,reports');
    expect(stdout).toContain('+ create queue staging-events-reports\n');
    expect(stdout).toContain('~ change SNS subscription of staging-events-live'); // a lane has to be told apart now
    const { environment } = await postriderJson<Applied>(
      ['topology', 'apply', ...named, '--lanes', 'live,reports'],
      env,
    );
    expect(environment.EVENTS_REPORTS_QUEUE_URL).toMatch(/staging-events-reports$/);
  });

  it('says that nobody answers', async () => {
    const away = { ...env, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' };
    const { code, stderr } = await postrider(['topology', 'plan'], away);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^postrider: SNS or SQS: .*AWS_ENDPOINT_URL.*\n$/);
  });
});
