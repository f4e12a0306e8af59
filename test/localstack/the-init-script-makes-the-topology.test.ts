import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  GetSubscriptionAttributesCommand,
  ListSubscriptionsByTopicCommand,
  SetSubscriptionAttributesCommand,
  SNSClient,
} from '@aws-sdk/client-sns';
import { GetQueueAttributesCommand, SetQueueAttributesCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { localStackPython } from '../../localstack/server.ts';
import { settingsFor } from '../../localstack/settings.ts';
import { ensureTopology } from '../../src/pubsub/index.ts';
import topology from '../../topology.json' with { type: 'json' };
import { type RecordingProxy, startRecordingProxy } from './recording-proxy.ts';

/** On the topology that localstack/ready.d made when this run's LocalStack started. */
const CREDENTIALS = { accessKeyId: 'test', secretAccessKey: 'test' };
const ARN = 'us-east-1:000000000000';
const topicArn = `arn:aws:sns:${ARN}:${topology.topic}`;

let endpoint: string;
let proxy: RecordingProxy;
let sns: SNSClient;
let sqs: SQSClient;

beforeAll(async () => {
  endpoint = `http://127.0.0.1:${inject('localStackPort')}`;
  proxy = await startRecordingProxy(inject('localStackPort'));
  const config = { region: 'us-east-1', endpoint, credentials: CREDENTIALS };
  sns = new SNSClient(config);
  sqs = new SQSClient(config);
});
afterAll(() => {
  sns.destroy();
  sqs.destroy();
  proxy.close();
});

const arnOf = (queue: string) => `arn:aws:sqs:${ARN}:${queue}`;
const urlOf = (queue: string) => `${endpoint}/000000000000/${queue}`;

async function queueAttributes(queue: string): Promise<Record<string, string>> {
  const command = new GetQueueAttributesCommand({ QueueUrl: urlOf(queue), AttributeNames: ['All'] });
  return (await sqs.send(command)).Attributes ?? {};
}

async function subscriptionOf(queue: string): Promise<Record<string, string>> {
  const { Subscriptions = [] } = await sns.send(new ListSubscriptionsByTopicCommand({ TopicArn: topicArn }));
  const [found, ...more] = Subscriptions.filter(({ Endpoint }) => Endpoint === arnOf(queue));
  expect(more).toEqual([]);
  const SubscriptionArn = found?.SubscriptionArn;
  return (await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }))).Attributes ?? {};
}

it.each(topology.lanes)('makes lane $lane as topology.json says', async (lane) => {
  const queue = await queueAttributes(lane.queue);
  expect(queue).toMatchObject({
    VisibilityTimeout: String(lane.visibilitySeconds),
    ReceiveMessageWaitTimeSeconds: String(lane.waitSeconds),
    MessageRetentionPeriod: String(lane.retentionSeconds),
  });
  expect(JSON.parse(queue.RedrivePolicy as string)).toEqual({
    deadLetterTargetArn: arnOf(lane.deadLetterQueue),
    maxReceiveCount: lane.maxReceiveCount,
  });
  const deadLetters = await queueAttributes(lane.deadLetterQueue);
  expect(deadLetters.MessageRetentionPeriod).toBe(String(lane.deadLetterRetentionSeconds));
  const allow = { redrivePermission: 'byQueue', sourceQueueArns: [arnOf(lane.queue)] };
  expect(JSON.parse(deadLetters.RedriveAllowPolicy as string)).toEqual(allow);

  const subscription = await subscriptionOf(lane.queue);
  expect(subscription).toMatchObject({
    RawMessageDelivery: String(lane.rawMessageDelivery),
    FilterPolicyScope: lane.filterPolicyScope,
  });
  expect(JSON.parse(subscription.FilterPolicy as string)).toEqual(lane.filterPolicy);
});

const definition = { name: topology.name, lanes: topology.lanes.map(({ lane }) => lane) };

/** What a Postrider that makes its own topology finds to be changed. */
async function changes(): Promise<string[]> {
  const before = proxy.actions.length;
  const aws = { region: 'us-east-1', endpoint: proxy.endpoint, credentials: CREDENTIALS };
  expect((await ensureTopology(definition, aws)).topicArn).toBe(topicArn);
  const actions = proxy.actions.slice(before);
  expect(actions).toContain('GetQueueAttributes');
  return actions.filter((action) => /^(Set|Subscribe)/.test(action)).sort();
}

async function spoil(): Promise<void> {
  const queue = topology.lanes[0]?.queue as string;
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: urlOf(queue), Attributes: { VisibilityTimeout: '31' } }));
  const { SubscriptionArn } = await subscriptionOf(queue);
  const wrong = { AttributeName: 'FilterPolicy', AttributeValue: '{"lane":["live"]}' };
  await sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, ...wrong }));
}

it('leaves nothing to change for a Postrider that makes its own topology', async () => {
  expect(await changes()).toEqual([]);
  await spoil();
  expect(await changes()).toEqual(['SetQueueAttributes', 'SetSubscriptionAttributes']);
  expect(await changes()).toEqual([]);
});

it('repairs what differs when it runs again', async () => {
  await spoil();
  const script = fileURLToPath(new URL('../../localstack/ready.d/10-postrider.py', import.meta.url));
  const TOPOLOGY_FILE = fileURLToPath(new URL('../../topology.json', import.meta.url));
  const env = { ...process.env, GATEWAY_LISTEN: new URL(endpoint).host, TOPOLOGY_FILE };
  await promisify(execFile)(await localStackPython(), [script], { env });
  expect(await changes()).toEqual([]);
});

it('is what the settings that `npm run localstack` prints name', async () => {
  const settings = await settingsFor(endpoint);
  const [live, bulk] = topology.lanes;
  expect(settings.EVENTS_TOPIC_ARN).toBe(topicArn);
  expect([settings.EVENTS_QUEUE_URL, settings.EVENTS_DLQ_URL]).toEqual(
    [live?.queue, live?.deadLetterQueue].map((name) => urlOf(name as string)),
  );
  expect([settings.EVENTS_BULK_QUEUE_URL, settings.EVENTS_BULK_DLQ_URL]).toEqual(
    [bulk?.queue, bulk?.deadLetterQueue].map((name) => urlOf(name as string)),
  );
});
