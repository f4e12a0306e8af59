import type { AwsOptions } from './adapters/aws-clients.ts';
import {
  type Clients,
  findQueue,
  findSubscription,
  findTopic,
  type Queue,
  readSubscription,
  type Topology,
  withClients,
} from './topology-aws.ts';
import { describeTopology, type LaneDescription, type TopologyDefinition } from './topology-definition.ts';
import {
  type AttributeDifference,
  differences,
  subscriptionDifferences,
  wantedOfDeadLetterQueue,
  wantedOfQueue,
  wantedOfSubscription,
} from './topology-wanted.ts';

/** One part that `ensureTopology` would create or change. */
export interface TopologyChange {
  action: 'create' | 'change';
  part: 'topic' | 'queue' | 'subscription';
  /** The topic's or queue's name; of an SNS subscription, that of the queue it sends to. */
  name: string;
  /** What would be set; empty for what is to be created. */
  attributes: AttributeDifference[];
}

export interface TopologyPlan {
  /** Empty: all is as defined. */
  changes: TopologyChange[];
  /** Null: the topic or a queue does not exist. */
  topology: Topology | null;
}

/**
 * Compares what AWS has with a definition, and changes nothing. Lists the account's topics, as SNS finds none by name.
 * Transient errors are retried for `retryForMs` (default 3,000). Rejects with TransportError.
 */
export function planTopology(
  definition: TopologyDefinition,
  aws: AwsOptions = {},
  { retryForMs = 3_000 } = {},
): Promise<TopologyPlan> {
  return withClients(aws, retryForMs, (clients) => plan(definition, clients));
}

async function plan(definition: TopologyDefinition, clients: Clients): Promise<TopologyPlan> {
  const { topic, lanes } = describeTopology(definition);
  const topicArn = await findTopic(clients, topic);
  const found = await Promise.all(lanes.map((lane) => planLane(lane, { name: topic, arn: topicArn }, clients)));
  const changes = [...(topicArn ? [] : [creation('topic', topic)]), ...found.flatMap((lane) => lane.changes)];
  const existing = found.flatMap(({ name, urls }) => (urls ? [[name, urls] as const] : []));
  const complete = topicArn !== undefined && existing.length === lanes.length;
  return { changes, topology: complete ? { topicArn, lanes: Object.fromEntries(existing) } : null };
}

interface Topic {
  name: string;
  arn: string | undefined;
}

async function planLane(lane: LaneDescription, topic: Topic, clients: Clients) {
  const [queue, deadLetters] = await Promise.all([
    findQueue(clients, lane.queue),
    findQueue(clients, lane.deadLetterQueue),
  ]);
  const known = queue ?? deadLetters;
  const arns = known && arnsNextTo(known.arn, lane, topic);
  const changes = [
    ...planQueue(lane.queue, queue, arns && wantedOfQueue(lane, arns)),
    ...planQueue(lane.deadLetterQueue, deadLetters, arns && wantedOfDeadLetterQueue(lane, arns.queue)),
    ...(await planSubscription(lane, topic.arn, queue, clients)),
  ];
  const urls = queue && deadLetters && { queueUrl: queue.url, deadLetterQueueUrl: deadLetters.url };
  return { name: lane.lane, changes, urls };
}

function planQueue(name: string, queue: Queue | undefined, wanted: Record<string, string> = {}): TopologyChange[] {
  if (!queue) return [creation('queue', name)];
  return change('queue', name, differences(queue.attributes, wanted));
}

async function planSubscription(
  lane: LaneDescription,
  topicArn: string | undefined,
  queue: Queue | undefined,
  clients: Clients,
): Promise<TopologyChange[]> {
  const arn = topicArn && queue && (await findSubscription(clients, topicArn, queue.arn));
  if (!arn) return [creation('subscription', lane.queue)];
  const actual = await readSubscription(clients, arn);
  return change('subscription', lane.queue, subscriptionDifferences(actual, wantedOfSubscription(lane)));
}

const creation = (part: TopologyChange['part'], name: string): TopologyChange => ({
  action: 'create',
  part,
  name,
  attributes: [],
});

const change = (part: TopologyChange['part'], name: string, attributes: AttributeDifference[]): TopologyChange[] =>
  attributes.length === 0 ? [] : [{ action: 'change', part, name, attributes }];

/** ARNs are names in the same account and region, so those of parts that do not exist yet are known as well. */
function arnsNextTo(queueArn: string, lane: LaneDescription, topic: Topic) {
  const [arn, partition, , region, account] = queueArn.split(':');
  const named = (service: string, name: string) => [arn, partition, service, region, account, name].join(':');
  return {
    queue: named('sqs', lane.queue),
    deadLetterQueue: named('sqs', lane.deadLetterQueue),
    topic: topic.arn ?? named('sns', topic.name),
  };
}
