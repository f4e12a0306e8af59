import type { LaneConfig } from '../config.ts';
import { createDrain, type DrainPorts } from '../pipeline/drain.ts';
import { type Consumer, createSqsTransport } from '../pubsub/index.ts';
import { consume } from './consume.ts';
import type { WorkerContext } from './context.ts';

/** Dead letters are in no hurry: most of the connections stay for what is. */
const DRAINED_AT_ONCE = 40;

/** One for each dead-letter queue. Lanes may share one: its letters then count as the first lane's that has it. */
export function drainConsumers(worker: WorkerContext, ports: DrainPorts): Consumer[] {
  const { lanes } = worker.transport;
  const first = lanes.filter((lane, at) => lanes.findIndex(sameDeadLetterQueue(lane)) === at);
  return first.flatMap(({ name, deadLetterQueueUrl }) =>
    deadLetterQueueUrl ? [drainConsumer(worker, name, deadLetterQueueUrl, ports)] : [],
  );
}

const sameDeadLetterQueue =
  ({ deadLetterQueueUrl }: LaneConfig) =>
  (other: LaneConfig) =>
    other.deadLetterQueueUrl === deadLetterQueueUrl;

function drainConsumer(worker: WorkerContext, lane: string, queueUrl: string, ports: DrainPorts): Consumer {
  const queue = worker.watch.queues.deadLetters(lane, createSqsTransport({ queueUrl, aws: worker.aws }));
  const limits = { maxInFlight: DRAINED_AT_ONCE, maxPollers: 2 };
  const events = { error: 'drain.error', failed: 'drain.failed' };
  return consume(worker, { lane, queue, handle: createDrain(ports, { lane }), limits, events });
}
