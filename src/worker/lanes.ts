import type { LaneConfig } from '../config.ts';
import { createDispatch, type DispatchPorts } from '../pipeline/dispatch.ts';
import { type Consumer, createSqsTransport, type Message } from '../pubsub/index.ts';
import { consume } from './consume.ts';
import type { WorkerContext } from './context.ts';

/** A consumer for each lane. An event in hand is known to all of them. */
export function laneConsumers(worker: WorkerContext, ports: DispatchPorts): Consumer[] {
  const inHand = new Map<string, Promise<void>>();
  return worker.transport.lanes.map((lane) => laneConsumer(worker, lane, ports, inHand));
}

function laneConsumer(
  worker: WorkerContext,
  { name: lane, queueUrl }: LaneConfig,
  ports: DispatchPorts,
  inHand: Map<string, Promise<void>>,
): Consumer {
  const { aws, config, watch } = worker;
  const { workerConcurrency: maxInFlight, deliveryTimeoutMs: defaultTimeoutMs } = config;
  const dispatch = createDispatch(watch.ports(lane, ports), { lane, defaultTimeoutMs, inHand });
  const handle = watch.handle<Message>(lane, dispatch);
  const queue = watch.queues.lane(lane, createSqsTransport({ queueUrl, aws }));
  const events = { error: 'consumer.error', failed: 'dispatch.failed' };
  return watch.queues.consumer(lane, consume(worker, { lane, queue, handle, limits: { maxInFlight }, events }));
}
