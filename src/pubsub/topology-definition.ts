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
export const MAX_RETENTION_SECONDS = 1_209_600;

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

/** The names AWS knows the parts by. */
export function namesOf({ name }: TopologyDefinition, lane: string) {
  const topic = `${name}-events`;
  return { topic, queue: `${topic}-${lane}`, deadLetterQueue: `${topic}-${lane}-dlq` };
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
