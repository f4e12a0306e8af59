import type { OutgoingMessage } from '../message.ts';
import { filterPolicyOf, type LaneFilter, type TopologyDefinition, withDefaults } from '../topology-definition.ts';
import { type PublishedEntry, type QueueTransport, type SendTransport, TransportError } from '../transport.ts';
import { MemoryQueue } from './memory-queue.ts';

/** An in-process topic with its lanes: what `ensureTopology` and the sns-sqs adapter are against AWS. */
export interface MemoryTopology {
  topic: SendTransport;
  lanes: Record<string, { queue: QueueTransport; deadLetterQueue: QueueTransport }>;
  /** While down, every call fails as if the broker could not be reached; messages are kept. */
  setDown(down: boolean): void;
}

/** Settings of the in-process broker. */
export interface MemoryOptions {
  /** Epoch milliseconds, for visibility and delay. Default Date.now; long polls wait on real timers. */
  now?: () => number;
  /** Seconds a published message stays hidden. Default 0. */
  delaySeconds?: number;
}

interface Lane {
  filter: LaneFilter | undefined;
  queue: MemoryQueue;
  deadLetters: MemoryQueue;
}

/** Makes a broker in this process, with the same routing, visibility, receive counts and dead letters as on AWS. */
export function createMemoryTopology(definition: TopologyDefinition, options: MemoryOptions = {}): MemoryTopology {
  const lanes = new Map(withDefaults(definition).lanes.map((name) => [name, createLane(definition, name, options)]));
  let down = false;

  const guard = <T>(work: () => T): Promise<T> => (down ? Promise.reject(unreachable()) : Promise.resolve(work()));

  function publish(message: OutgoingMessage, targets: Iterable<MemoryQueue>): PublishedEntry {
    let id: string = crypto.randomUUID();
    for (const queue of targets) id = queue.send(message);
    return { ok: true, id };
  }

  function* routes(message: OutgoingMessage): Iterable<MemoryQueue> {
    for (const { filter, queue } of lanes.values()) if (matches(filter, message.attributes)) yield queue;
  }

  function transport(queue: MemoryQueue): QueueTransport {
    return {
      publishBatch: (messages) => guard(() => messages.map((message) => publish(message, [queue]))),
      receive: async (request) => {
        const received = await guard(() => queue.receive(request));
        if (down) throw unreachable();
        if (request.signal?.aborted) throw new TransportError('retry', 'AbortError', 'the receive was aborted');
        return received;
      },
      deleteBatch: (receipts) => guard(() => receipts.map((receipt) => queue.delete(receipt))),
      changeVisibilityBatch: (changes) => guard(() => changes.map((change) => queue.changeVisibility(change))),
      depth: () => guard(() => queue.depth()),
      close: () => queue.close(),
    };
  }

  return {
    topic: {
      publishBatch: (messages) => guard(() => messages.map((message) => publish(message, routes(message)))),
      close: () => {},
    },
    lanes: Object.fromEntries(
      [...lanes].map(([name, lane]) => [
        name,
        { queue: transport(lane.queue), deadLetterQueue: transport(lane.deadLetters) },
      ]),
    ),
    setDown(value) {
      down = value;
      if (down) for (const { queue } of lanes.values()) queue.close();
    },
  };
}

function createLane(definition: TopologyDefinition, name: string, options: MemoryOptions): Lane {
  const deadLetters = new MemoryQueue(options.now === undefined ? {} : { now: options.now });
  const { maxReceiveCount } = withDefaults(definition);
  const queue = new MemoryQueue({ ...options, deadLetters: { queue: deadLetters, maxReceiveCount } });
  return { filter: filterPolicyOf(definition, name), queue, deadLetters };
}

function unreachable(): TransportError {
  return new TransportError('retry', 'ECONNREFUSED', 'the broker is down');
}

/** The part of SNS filter policies that lanes use. `exists: false` needs some attribute to be there, as on SNS. */
function matches(filter: LaneFilter | undefined, attributes: Readonly<Record<string, string>>): boolean {
  if (filter === undefined) return true;
  const lane = attributes.lane;
  if (lane !== undefined) return filter.lane.includes(lane);
  return Object.keys(attributes).length > 0 && filter.lane.some((condition) => typeof condition === 'object');
}
