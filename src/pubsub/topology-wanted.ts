import { isDeepStrictEqual } from 'node:util';
import type { LaneDescription } from './topology-definition.ts';

/** Attributes of a queue or an SNS subscription, as AWS writes them: texts, some of them JSON. */
export type Attributes = Record<string, string>;

/** One attribute that is not as defined. */
export interface AttributeDifference {
  attribute: string;
  /** Null: not set. */
  actual: string | null;
  wanted: string;
}

/** What a lane's queue should have. */
export function wantedOfQueue(
  lane: LaneDescription,
  arns: { queue: string; deadLetterQueue: string; topic: string },
): Attributes {
  const { maxReceiveCount } = lane;
  return {
    VisibilityTimeout: String(lane.visibilitySeconds),
    ReceiveMessageWaitTimeSeconds: String(lane.waitSeconds),
    MessageRetentionPeriod: String(lane.retentionSeconds),
    RedrivePolicy: JSON.stringify({ deadLetterTargetArn: arns.deadLetterQueue, maxReceiveCount }),
    Policy: JSON.stringify(sendPolicy(arns.queue, arns.topic)),
  };
}

/** What its dead-letter queue should have. */
export function wantedOfDeadLetterQueue(lane: LaneDescription, queueArn: string): Attributes {
  return {
    MessageRetentionPeriod: String(lane.deadLetterRetentionSeconds),
    RedriveAllowPolicy: JSON.stringify({ redrivePermission: 'byQueue', sourceQueueArns: [queueArn] }),
  };
}

/** What the SNS subscription between them should have; the scope stands first, because it says how the policy is read. */
export function wantedOfSubscription(lane: LaneDescription): Attributes {
  const RawMessageDelivery = String(lane.rawMessageDelivery);
  if (lane.filterPolicy === null) return { RawMessageDelivery };
  return {
    RawMessageDelivery,
    FilterPolicyScope: lane.filterPolicyScope,
    FilterPolicy: JSON.stringify(lane.filterPolicy),
  };
}

/** The attributes that are not as wanted. Further ones are not looked at. */
export function differences(actual: Attributes, wanted: Attributes): AttributeDifference[] {
  return Object.entries(wanted)
    .filter(([name, value]) => !sameValue(actual[name], value))
    .map(([attribute, value]) => ({ attribute, actual: actual[attribute] ?? null, wanted: value }));
}

/** As {@link differences}; a filter that is wanted no longer is taken off with an empty one. */
export function subscriptionDifferences(actual: Attributes, wanted: Attributes): AttributeDifference[] {
  const filtered = !sameValue(actual.FilterPolicy ?? '{}', '{}');
  const target = wanted.FilterPolicy === undefined && filtered ? { ...wanted, FilterPolicy: '{}' } : wanted;
  return differences(actual, target);
}

/** AWS may write JSON in another order. */
function sameValue(actual: string | undefined, wanted: string): boolean {
  if (actual === undefined || actual === wanted || !wanted.startsWith('{')) return actual === wanted;
  return isDeepStrictEqual(parseOrUndefined(actual), JSON.parse(wanted));
}

/** The value of a JSON text; undefined for what is none. */
export function parseOrUndefined(json: string): unknown {
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
