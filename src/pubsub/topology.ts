import { CreateTopicCommand, SetSubscriptionAttributesCommand, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, SetQueueAttributesCommand } from '@aws-sdk/client-sqs';
import type { AwsOptions } from './adapters/aws-clients.ts';
import {
  type Clients,
  findSubscription,
  type Queue,
  readQueue,
  readSubscription,
  type Topology,
  withClients,
} from './topology-aws.ts';
import { describeTopology, type LaneDescription, type TopologyDefinition } from './topology-definition.ts';
import {
  type Attributes,
  differences,
  subscriptionDifferences,
  wantedOfDeadLetterQueue,
  wantedOfQueue,
  wantedOfSubscription,
} from './topology-wanted.ts';

/**
 * Creates what is missing of a topology and repairs what differs; changes nothing when all is as defined. May run in
 * several processes at once. Transient errors (network, throttling, start-up order) are retried for `retryForMs`
 * (default 90,000). Rejects with TransportError, for instance when a permission is missing.
 */
export function ensureTopology(
  definition: TopologyDefinition,
  aws: AwsOptions = {},
  { retryForMs = 90_000 } = {},
): Promise<Topology> {
  return withClients(aws, retryForMs, (clients) => ensure(definition, clients));
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
  const arns = { queue: queue.arn, deadLetterQueue: deadLetters.arn, topic: topicArn };
  await Promise.all([
    repairQueue(clients, deadLetters, wantedOfDeadLetterQueue(lane, queue.arn)),
    repairQueue(clients, queue, wantedOfQueue(lane, arns)),
  ]);
  // Only now, when its messages are allowed in: what SNS cannot deliver for lack of permission is lost.
  await ensureSubscription(clients, topicArn, queue.arn, wantedOfSubscription(lane));
  return { queueUrl: queue.url, deadLetterQueueUrl: deadLetters.url };
}

/** Creation without attributes is idempotent whatever the queue has become since; they are compared and set afterwards. */
async function createQueue(clients: Clients, name: string): Promise<Queue> {
  const { QueueUrl: url = '' } = await clients.sqs.send(new CreateQueueCommand({ QueueName: name }));
  return readQueue(clients, url);
}

async function repairQueue({ sqs }: Clients, queue: Queue, wanted: Attributes): Promise<void> {
  const different = differences(queue.attributes, wanted);
  if (different.length === 0) return;
  const Attributes = Object.fromEntries(different.map(({ attribute, wanted: value }) => [attribute, value]));
  await sqs.send(new SetQueueAttributesCommand({ QueueUrl: queue.url, Attributes }));
}

/** Subscribing again with the same attributes answers the existing subscription; with others it is refused, so repaired. */
async function ensureSubscription(
  clients: Clients,
  topicArn: string,
  queueArn: string,
  wanted: Attributes,
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

async function repairSubscription(clients: Clients, SubscriptionArn: string, wanted: Attributes): Promise<void> {
  const actual = await readSubscription(clients, SubscriptionArn);
  for (const { attribute, wanted: AttributeValue } of subscriptionDifferences(actual, wanted)) {
    const command = { SubscriptionArn, AttributeName: attribute, AttributeValue };
    await clients.sns.send(new SetSubscriptionAttributesCommand(command));
  }
}
