/*
 * Postrider's publish/subscribe library: publish to a topic in batches with an answer per message, receive from queues
 * with leases that are kept until settled. On Amazon SNS and SQS, or in this process.
 */
export type { AwsOptions } from './adapters/aws-clients.ts';
export { createMemoryTopology, type MemoryOptions, type MemoryTopology } from './adapters/memory.ts';
export { createSnsTransport, createSqsTransport } from './adapters/sns-sqs.ts';
export { type Batcher, BatcherFullError, type BatcherOptions, createBatcher } from './batcher.ts';
export { type Consumer, type ConsumerOptions, createConsumer, type ErrorContext } from './consumer.ts';
export type { Message } from './leases.ts';
export { hasOnlyAllowedCharacters, MAX_MESSAGE_BYTES, messageBytes, type OutgoingMessage } from './message.ts';
export { createPublisher, type Publisher, type PublisherOptions, type PublishResult } from './publisher.ts';
export { createTopicProbe, type TopicProbe, type TopicProbeOptions, type TopicState } from './topic-probe.ts';
export { ensureTopology } from './topology.ts';
export type { Topology } from './topology-aws.ts';
export { checkTopology, type ExistingTopology, type TopologyFinding } from './topology-check.ts';
export {
  describeTopology,
  type LaneDescription,
  type TopologyDefinition,
  type TopologyDescription,
} from './topology-definition.ts';
export { planTopology, type TopologyChange, type TopologyPlan } from './topology-plan.ts';
export type { AttributeDifference } from './topology-wanted.ts';
export {
  type EntryFailure,
  type PublishedEntry,
  type QueueTransport,
  type ReceivedMessage,
  type ReceiveRequest,
  type SendTransport,
  type SettledEntry,
  TransportError,
  type VisibilityChange,
} from './transport.ts';
