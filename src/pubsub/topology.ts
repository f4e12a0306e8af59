import { isDeepStrictEqual } from 'node:util';
import {
  CreateTopicCommand,
  GetSubscriptionAttributesCommand,
  paginateListSubscriptionsByTopic,
  SetSubscriptionAttributesCommand,
  SNSClient,
  SubscribeCommand,
} from '@aws-sdk/client-sns';
import {
  CreateQueueCommand,
  GetQueueAttributesCommand,
  SetQueueAttributesCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import pRetry from 'p-retry';
import { type AwsOptions, clientConfig } from './adapters/aws-clients.ts';
import { isTransient, toTransportError } from './adapters/aws-errors.ts';
import { describeTopology, type LaneDescription, type TopologyDefinition } from './topology-definition.ts';

/** Where a topology is, once it exists. */
export interface Topology {
  topicArn: string;
  /** By lane name. */
  lanes: Record<string, { queueUrl: string; deadLetterQueueUrl: string }>;
}

interface Clients {
  sns: SNSClient;
  sqs: SQSClient;
}

/** A queue takes up to 60 s to be free again after it was deleted; everything else transient is over sooner. */
const BACKOFF = { retries: Number.POSITIVE_INFINITY, minTimeout: 200, maxTimeout: 5_000, randomize: true };

/**
 * Creates what is missing of a topology and repairs what differs; changes nothing when all is as defined. May run in
 * several processes at once. Transient errors (network, throttling, start-up order) are retried for `retryForMs`
 * (default 90,000). Rejects with TransportError, for instance when a permission is missing.
 */
export async function ensureTopology(
  definition: TopologyDefinition,
  aws: AwsOptions = {},
  { retryForMs = 90_000 } = {},
): Promise<Topology> {
  const config = clientConfig(aws);
  const clients: Clients = { sns: new SNSClient(config), sqs: new SQSClient(config) };
  const shouldRetry = ({ error }: { error: Error }) => isTransient(error) || /QueueDeletedRecently/.test(error.name);
  try {
    return await pRetry(() => ensure(definition, clients), { ...BACKOFF, maxRetryTime: retryForMs, shouldRetry });
  } catch (error) {
    throw toTransportError(error);
  } finally {
    clients.sns.destroy();
    clients.sqs.destroy();
  }
}

async function ensure(definition: TopologyDefinition, clients: Clients): Promise<Topology> {
  const { topic, lanes } = describeTopology(definition);
  const { TopicArn: topicArn = '' } = await clients.sns.send(new CreateTopicCommand({ Name: topic }));
  const made = await Promise.all(
    lanes.map(async (lane) => [lane.lane, await ensureLane(lane, topicArn, clients)] as const),
  );
  return { topicArn, lanes: Object.fromEntries(made) };
}

async function ensureLane(lane: LaneDescription, topicArn: string, clients: Clients) {
  const [queue, deadLetters] = await Promise.all([
    createQueue(clients, lane.queue),
    createQueue(clients, lane.deadLetterQueue),
  ]);
  await Promise.all([
    repairQueue(clients, deadLetters, {
      MessageRetentionPeriod: String(lane.deadLetterRetentionSeconds),
      RedriveAllowPolicy: JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [queue.arn] }),
    }),
    repairQueue(clients, queue, {
      VisibilityTimeout: String(lane.visibilitySeconds),
      ReceiveMessageWaitTimeSeconds: String(lane.waitSeconds),
      MessageRetentionPeriod: String(lane.retentionSeconds),
      RedrivePolicy: JSON.stringify({ deadLetterTargetArn: deadLetters.arn, maxReceiveCount: lane.maxReceiveCount }),
      Policy: JSON.stringify(sendPolicy(queue.arn, topicArn)),
    }),
  ]);
  // Only now, when its messages are allowed in: what SNS cannot deliver for lack of permission is lost.
  await ensureSubscription(clients, topicArn, queue.arn, subscriptionAttributes(lane));
  return { queueUrl: queue.url, deadLetterQueueUrl: deadLetters.url };
}

interface Queue {
  url: string;
  arn: string;
  attributes: Record<string, string>;
}

/** Creation without attributes is idempotent whatever the queue has become since; they are compared and set afterwards. */
async function createQueue({ sqs }: Clients, name: string): Promise<Queue> {
  const { QueueUrl: url = '' } = await sqs.send(new CreateQueueCommand({ QueueName: name }));
  const { Attributes = {} } = await sqs.send(new GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] }));
  return { url, arn: Attributes.QueueArn ?? '', attributes: Attributes };
}

async function repairQueue({ sqs }: Clients, queue: Queue, wanted: Record<string, string>): Promise<void> {
  const different = Object.entries(wanted).filter(([name, value]) => !sameValue(queue.attributes[name], value));
  if (different.length === 0) return;
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes: Object.fromEntries(different) }));
}

/** Attributes are texts, some of them JSON, which AWS may write in another order. */
function sameValue(actual: string | undefined, wanted: string): boolean {
  if (actual === undefined || actual === wanted || !wanted.startsWith('{')) return actual === wanted;
  return isDeepStrictEqual(parse(actual), JSON.parse(wanted));
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

function sendPolicy(queueArn: string, topicArn: string) {
  return {
    Version: '2012-10-17',
    Statement: [
      {
        Sid: 'topic-sends',
        Effect: 'Allow',
        Principal: { Service: 'sns.amazonaws.com' },
        Action: 'sqs:SendMessage',
        Resource: queueArn,
        Condition: { ArnEquals: { 'aws:SourceArn': topicArn } },
      },
    ],
  };
}

/** In the order in which they are repaired: the scope says how the policy is read. */
function subscriptionAttributes(lane: LaneDescription): Record<string, string> {
  const RawMessageDelivery = String(lane.rawMessageDelivery);
  if (lane.filterPolicy === null) return { RawMessageDelivery };
  return {
    RawMessageDelivery,
    FilterPolicyScope: lane.filterPolicyScope,
    FilterPolicy: JSON.stringify(lane.filterPolicy),
  };
}

/** Subscribing again with the same attributes answers the existing subscription; with others it is refused, so repaired. */
async function ensureSubscription(
  clients: Clients,
  topicArn: string,
  queueArn: string,
  wanted: Record<string, string>,
): Promise<void> {
  const existing = await findSubscription(clients, topicArn, queueArn);
  if (existing !== undefined) return repairSubscription(clients, existing, wanted);
  const command = { TopicArn: topicArn, Protocol: 'sqs', Endpoint: queueArn, ReturnSubscriptionArn: true };
  try {
    await clients.sns.send(new SubscribeCommand({ ...command, Attributes: wanted }));
  } catch (error) {
    // Another process was faster, with another definition.
    const faster = await findSubscription(clients, topicArn, queueArn);
    if (faster === undefined) throw error;
    await repairSubscription(clients, faster, wanted);
  }
}

async function findSubscription({ sns }: Clients, TopicArn: string, queueArn: string): Promise<string | undefined> {
  for await (const page of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) {
    const found = page.Subscriptions?.find((one) => one.Protocol === 'sqs' && one.Endpoint === queueArn);
    if (found?.SubscriptionArn !== undefined) return found.SubscriptionArn;
  }
  return undefined;
}

async function repairSubscription({ sns }: Clients, SubscriptionArn: string, wanted: Record<string, string>) {
  const { Attributes = {} } = await sns.send(new GetSubscriptionAttributesCommand({ SubscriptionArn }));
  // A filter that is wanted no longer is taken off with an empty one.
  const filtered = !sameValue(Attributes.FilterPolicy ?? '{}', '{}');
  const target = wanted.FilterPolicy === undefined && filtered ? { ...wanted, FilterPolicy: '{}' } : wanted;
  for (const [AttributeName, AttributeValue] of Object.entries(target)) {
    if (sameValue(Attributes[AttributeName], AttributeValue)) continue;
    await sns.send(new SetSubscriptionAttributesCommand({ SubscriptionArn, AttributeName, AttributeValue }));
  }
}
