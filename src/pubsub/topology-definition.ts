/** A topic and its lanes: one queue each, with its own dead-letter queue. */
export interface TopologyDefinition {
  /** Prefix of every name: topic `<name>-events`, queues `<name>-events-<lane>` and `<name>-events-<lane>-dlq`. */
  name: string;
  /** Lanes by name; the message attribute `lane` chooses one. The first also takes messages without that attribute. */
  lanes: readonly string[];
  /** Receives after which a message goes to the dead-letter queue. Default 10. */
  maxReceiveCount?: number;
  /** Seconds a received message stays hidden from others. Default 30. */
  visibilitySeconds?: number;
  /** Seconds an empty receive waits, for consumers that do not say. Default 20. */
  waitSeconds?: number;
  /** Seconds a message is kept in its queue. Default 1,209,600 (14 days), as in dead-letter queues. */
  retentionSeconds?: number;
}

/** Longest retention SQS offers: 14 days, in seconds. */
const MAX_RETENTION_SECONDS = 1_209_600;

/** Fills in the defaults. Throws RangeError for a definition without lanes. */
export function withDefaults(definition: TopologyDefinition): Required<TopologyDefinition> {
  if (definition.lanes.length === 0) throw new RangeError('a topology needs at least one lane');
  return {
    maxReceiveCount: 10,
    visibilitySeconds: 30,
    waitSeconds: 20,
    retentionSeconds: MAX_RETENTION_SECONDS,
    ...definition,
  };
}

/** An SNS filter policy on message attributes. */
export interface LaneFilter {
  lane: (string | { exists: false })[];
}

/**
 * Which messages reach a lane; undefined: all. A single lane needs no filter, so even a publish without any attribute
 * reaches it. With several, SNS matches `exists: false` only where there is at least one attribute
 * (https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html): a message without any reaches no lane.
 */
export function filterPolicyOf({ lanes }: TopologyDefinition, lane: string): LaneFilter | undefined {
  if (lanes.length === 1) return undefined;
  return { lane: lane === lanes[0] ? [lane, { exists: false }] : [lane] };
}

/** One lane of a topology, with every property that matters of its queues and its SNS subscription. */
export interface LaneDescription {
  lane: string;
  queue: string;
  deadLetterQueue: string;
  visibilitySeconds: number;
  waitSeconds: number;
  retentionSeconds: number;
  deadLetterRetentionSeconds: number;
  maxReceiveCount: number;
  rawMessageDelivery: true;
  filterPolicyScope: 'MessageAttributes';
  /** Null: the lane takes every message. */
  filterPolicy: LaneFilter | null;
}

/** A topology in full, as JSON can hold it. */
export interface TopologyDescription {
  name: string;
  topic: string;
  lanes: LaneDescription[];
}

/**
 * Says in full what a definition comes to. Whatever makes a topology (`ensureTopology`, Terraform, an emulator's start-up
 * script) makes this. Throws RangeError for a definition without lanes.
 */
export function describeTopology(definition: TopologyDefinition): TopologyDescription {
  const { name, lanes, maxReceiveCount, visibilitySeconds, waitSeconds, retentionSeconds } = withDefaults(definition);
  const toDescription = (lane: string): LaneDescription => {
    const { queue, deadLetterQueue } = namesOf(definition, lane);
    return {
      lane,
      queue,
      deadLetterQueue,
      visibilitySeconds,
      waitSeconds,
      retentionSeconds,
      deadLetterRetentionSeconds: MAX_RETENTION_SECONDS,
      maxReceiveCount,
      rawMessageDelivery: true,
      filterPolicyScope: 'MessageAttributes',
      filterPolicy: filterPolicyOf(definition, lane) ?? null,
    };
  };
  return { name, topic: topicOf(definition), lanes: lanes.map(toDescription) };
}

/** The names AWS knows the parts by. */
const topicOf = ({ name }: TopologyDefinition): string => `${name}-events`;

function namesOf(definition: TopologyDefinition, lane: string) {
  const queue = `${topicOf(definition)}-${lane}`;
  return { queue, deadLetterQueue: `${queue}-dlq` };
}
