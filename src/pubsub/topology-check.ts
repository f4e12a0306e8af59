import { GetTopicAttributesCommand } from '@aws-sdk/client-sns';
import type { AwsOptions } from './adapters/aws-clients.ts';
import { toTransportError } from './adapters/aws-errors.ts';
import { allowsSending } from './send-policy.ts';
import {
  type Clients,
  findSubscription,
  isMissingCode,
  type Queue,
  readQueue,
  readSubscription,
  withClients,
} from './topology-aws.ts';
import { describeTopology, type LaneDescription } from './topology-definition.ts';
import {
  type AttributeDifference,
  type Attributes,
  differences,
  parseOrUndefined,
  subscriptionDifferences,
  wantedOfDeadLetterQueue,
  wantedOfQueue,
  wantedOfSubscription,
} from './topology-wanted.ts';

/** Something that was looked at. `error`: events would be lost, or go nowhere; `warning`: it works, but not as it should. */
export interface TopologyFinding {
  level: 'ok' | 'warning' | 'error';
  /** What: `topic`, `queue of lane live`, … */
  part: string;
  /** What is wrong and what to change; of what is right, what was found. */
  detail: string;
}

/** Resources that exist already, whoever made them. */
export interface ExistingTopology {
  topicArn: string;
  lanes: readonly ExistingLane[];
}

interface ExistingLane {
  name: string;
  queueUrl: string;
  deadLetterQueueUrl: string | null;
}

type Judged = Omit<TopologyFinding, 'part'>;

/**
 * Looks whether existing resources can do what a topology must: reads attributes only, and never a message. What these
 * credentials may not look at is a warning. Transient errors are retried for `retryForMs` (default 5,000).
 */
export async function checkTopology(
  { topicArn, lanes }: ExistingTopology,
  aws: AwsOptions = {},
  { retryForMs = 5_000 } = {},
): Promise<TopologyFinding[]> {
  const described = describeTopology({ name: 'any', lanes: lanes.map(({ name }) => name) }).lanes;
  const look = async (part: string, check: (clients: Clients) => Promise<Judged[]>): Promise<TopologyFinding[]> => {
    const judged = await withClients(aws, retryForMs, check).catch((error) => [failure(error)]);
    return judged.map((one) => ({ part, ...one }));
  };
  const looks = lanes.flatMap((lane, at) => {
    const wanted = described[at] as LaneDescription;
    return [
      look(`queue of lane ${lane.name}`, (clients) => checkQueue(wanted, { lane, topicArn, clients })),
      look(`subscription of lane ${lane.name}`, (clients) => checkSubscription(wanted, { lane, topicArn, clients })),
      look(`dead-letter queue of lane ${lane.name}`, (clients) => checkDeadLetters(wanted, lane, clients)),
    ];
  });
  return (await Promise.all([look('topic', (clients) => checkTopic(topicArn, clients)), ...looks])).flat();
}

async function checkTopic(TopicArn: string, { sns }: Clients): Promise<Judged[]> {
  await sns.send(new GetTopicAttributesCommand({ TopicArn }));
  return [ok(TopicArn)];
}

interface Context {
  lane: ExistingLane;
  topicArn: string;
  clients: Clients;
}

async function checkQueue(described: LaneDescription, { lane, topicArn, clients }: Context): Promise<Judged[]> {
  const queue = await readQueue(clients, lane.queueUrl);
  const redrive = parseOrUndefined(queue.attributes.RedrivePolicy ?? '') as
    | { deadLetterTargetArn?: string }
    | undefined;
  const deadLetterQueue = redrive?.deadLetterTargetArn ?? '';
  const { Policy: _, ...wanted } = wantedOfQueue(described, { queue: queue.arn, deadLetterQueue, topic: topicArn });
  const problems = [
    ...(await redriveProblems(deadLetterQueue, lane, clients)),
    ...policyProblems(queue, topicArn),
    ...differences(queue.attributes, deadLetterQueue ? wanted : without(wanted, 'RedrivePolicy')).map(asWarning),
  ];
  return problems.length > 0 ? problems : [ok(lane.queueUrl)];
}

async function redriveProblems(targetArn: string, lane: ExistingLane, clients: Clients): Promise<Judged[]> {
  if (targetArn === '') {
    return [
      wrong('RedrivePolicy is not set: what crashes its worker would come back for days. Set a dead-letter queue'),
    ];
  }
  if (lane.deadLetterQueueUrl === null) return [];
  const { arn } = await readQueue(clients, lane.deadLetterQueueUrl);
  if (arn === targetArn) return [];
  return [wrong(`its dead letters go to ${targetArn}, while the settings name ${arn}: make them the same`)];
}

function policyProblems({ arn, attributes }: Queue, topicArn: string): Judged[] {
  if (allowsSending(attributes.Policy, { topicArn, queueArn: arn })) return [];
  return [wrong(`its policy does not let ${topicArn} send: allow sns.amazonaws.com sqs:SendMessage for it`)];
}

async function checkSubscription(described: LaneDescription, { lane, topicArn, clients }: Context): Promise<Judged[]> {
  const { arn: queueArn } = await readQueue(clients, lane.queueUrl);
  const arn = await findSubscription(clients, topicArn, queueArn);
  if (!arn) return [wrong('the topic has no subscription to its queue, so nothing arrives: postrider topology apply')];
  const different = subscriptionDifferences(await readSubscription(clients, arn), wantedOfSubscription(described));
  return different.length > 0 ? different.map((one) => wrong(setTo(one))) : [ok(arn)];
}

async function checkDeadLetters(described: LaneDescription, lane: ExistingLane, clients: Clients): Promise<Judged[]> {
  if (lane.deadLetterQueueUrl === null) {
    const setting = lane.name === 'live' ? 'EVENTS_DLQ_URL' : `EVENTS_${lane.name.toUpperCase()}_DLQ_URL`;
    return [
      { level: 'warning', detail: `not set, so its messages do not become dead letters on record: set ${setting}` },
    ];
  }
  const { attributes } = await readQueue(clients, lane.deadLetterQueueUrl);
  const wanted = without(wantedOfDeadLetterQueue(described, ''), 'RedriveAllowPolicy');
  const different = differences(attributes, wanted);
  return different.length > 0 ? different.map(asWarning) : [ok(lane.deadLetterQueueUrl)];
}

function failure(error: unknown): Judged {
  const { code, message } = toTransportError(error);
  if (isMissingCode(code))
    return wrong(`it does not exist (${code}): check the setting, or run postrider topology apply`);
  if (!/AccessDenied|Authorization|Forbidden/i.test(code)) return wrong(`it cannot be looked at: ${message}`);
  const permissions =
    'sns:GetTopicAttributes, sns:ListSubscriptionsByTopic, sns:GetSubscriptionAttributes, sqs:GetQueueAttributes';
  return { level: 'warning', detail: `these credentials may not look at it (${code}): doctor needs ${permissions}` };
}

const ok = (detail: string): Judged => ({ level: 'ok', detail });
const wrong = (detail: string): Judged => ({ level: 'error', detail });
const asWarning = (one: AttributeDifference): Judged => ({ level: 'warning', detail: setTo(one) });
const setTo = ({ attribute, actual, wanted }: AttributeDifference) =>
  `${attribute} is ${actual ?? 'not set'}: set it to ${wanted}`;

function without(attributes: Attributes, name: string): Attributes {
  const { [name]: _, ...rest } = attributes;
  return rest;
}
