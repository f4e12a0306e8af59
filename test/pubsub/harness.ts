import { expect } from 'vitest';
import {
  type ConsumerOptions,
  createConsumer,
  createMemoryTopology,
  createSnsTransport,
  createSqsTransport,
  ensureTopology,
  type Message,
  type OutgoingMessage,
  type QueueTransport,
  type SendTransport,
  type TopologyDefinition,
} from '../../src/pubsub/index.ts';
import { onLocalStack } from '../support/emulator.ts';
import { startEmulator } from './emulator.ts';

/** A broker under test, with a fresh topology for each test. */
export interface Broker {
  open(definition: TopologyDefinition): Promise<Opened>;
  setDown(down: boolean): Promise<void>;
  close(): Promise<void>;
  /** The embedded emulator drops MessageGroupId on standard queues. */
  keepsGroupId: boolean;
}

export interface Opened {
  topic: SendTransport;
  lanes: Record<string, { queue: QueueTransport; deadLetterQueue: QueueTransport }>;
}

export function memoryBroker(): Broker {
  const opened: ReturnType<typeof createMemoryTopology>[] = [];
  return {
    open: async (definition) => {
      const topology = createMemoryTopology(definition);
      opened.push(topology);
      return topology;
    },
    setDown: async (down) => {
      for (const topology of opened) topology.setDown(down);
    },
    close: async () => {},
    keepsGroupId: true,
  };
}

export async function emulatorBroker(): Promise<Broker> {
  const emulator = await startEmulator();
  const { aws } = emulator;
  const transports: SendTransport[] = [];
  const keep = <T extends SendTransport>(transport: T): T => {
    transports.push(transport);
    return transport;
  };
  return {
    async open(definition) {
      const { topicArn, lanes } = await ensureTopology(definition, aws);
      const openLane = ([name, urls]: [string, { queueUrl: string; deadLetterQueueUrl: string }]) => [
        name,
        {
          queue: keep(createSqsTransport({ queueUrl: urls.queueUrl, aws })),
          deadLetterQueue: keep(createSqsTransport({ queueUrl: urls.deadLetterQueueUrl, aws })),
        },
      ];
      return {
        topic: keep(createSnsTransport({ topicArn, aws })),
        lanes: Object.fromEntries(Object.entries(lanes).map(openLane)),
      };
    },
    setDown: emulator.setDown,
    async close() {
      for (const transport of transports) transport.close();
      await emulator.stop();
    },
    keepsGroupId: onLocalStack(),
  };
}

let counter = 0;

/** A definition of its own for each test, so that tests share a broker and nothing else. */
export function freshDefinition(settings: Partial<TopologyDefinition> = {}): TopologyDefinition {
  return { name: `test-${process.pid}-${++counter}`, lanes: ['live', 'bulk'], ...settings };
}

export function outgoing(body: string, attributes: Record<string, string> = { lane: 'live' }): OutgoingMessage {
  return { body, groupId: 'acme', attributes };
}

/** A consumer that remembers what it received; `settle` (default: ack) is what it does with each message. */
export function collect(
  transport: QueueTransport,
  settle: (message: Message) => unknown = (message) => message.ack(),
  options: Partial<ConsumerOptions> = {},
) {
  const received: Message[] = [];
  const errors: Error[] = [];
  const consumer = createConsumer({
    transport,
    // Short polls, so that stops are quick.
    waitSeconds: 1,
    handler: (messages) => {
      received.push(...messages);
      for (const message of messages) settle(message);
    },
    onError: (error) => errors.push(error),
    ...options,
  });
  consumer.start();
  return { consumer, received, errors, bodies: () => received.map((message) => message.body) };
}

/** Waits until the check passes. */
export function eventually(check: () => void | Promise<void>, timeout = 10_000): Promise<void> {
  return expect
    .poll(
      async () => {
        await check();
        return true;
      },
      { timeout, interval: 10 },
    )
    .toBe(true);
}

/** Receives once, without waiting: what is visible now. */
export function peek(queue: QueueTransport, visibilitySeconds = 30) {
  return queue.receive({ maxMessages: 10, waitSeconds: 0, visibilitySeconds });
}
