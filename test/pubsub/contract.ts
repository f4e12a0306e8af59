import { afterAll, afterEach, beforeAll, describe } from 'vitest';
import {
  type ConsumerOptions,
  createPublisher,
  type Message,
  type Publisher,
  type PublishResult,
  type QueueTransport,
} from '../../src/pubsub/index.ts';
import { consumePromises } from './contract-consume.ts';
import { publishPromises } from './contract-publish.ts';
import { type Broker, collect, freshDefinition, type Opened, outgoing } from './harness.ts';

/** What each promise is tested with; the broker is shared, the topology fresh. */
export interface Context {
  readonly broker: Broker;
  /** Publishes to the topology opened last. */
  readonly publisher: Publisher;
  open(settings?: Parameters<typeof freshDefinition>[0]): Promise<Opened & { live: QueueTransport }>;
  consume(
    queue: QueueTransport,
    settle?: (message: Message) => unknown,
    options?: Partial<ConsumerOptions>,
  ): ReturnType<typeof collect>;
  publishAll(bodies: string[]): Promise<PublishResult[]>;
}

/** The promises of the library, kept by every adapter. */
export function describeContract(name: string, start: () => Promise<Broker>): void {
  describe(name, () => {
    let broker: Broker;
    let publisher: Publisher;
    const consumers: ReturnType<typeof collect>['consumer'][] = [];
    const stopping: Promise<void>[] = [];

    beforeAll(async () => {
      broker = await start();
    });
    afterEach(async () => {
      await broker.setDown(false);
      // Their last polls take up to a second to end; the next test need not wait for it.
      for (const consumer of consumers.splice(0)) stopping.push(consumer.stop({ graceMs: 2_000 }));
      await publisher.close();
    });
    afterAll(async () => {
      await Promise.all(stopping);
      await broker.close();
    });

    const context: Context = {
      get broker() {
        return broker;
      },
      get publisher() {
        return publisher;
      },
      async open(settings) {
        const opened = await broker.open(freshDefinition(settings));
        publisher = createPublisher({ transport: opened.topic });
        return { ...opened, live: opened.lanes.live!.queue };
      },
      consume(queue, settle, options) {
        const collected = collect(queue, settle, options);
        consumers.push(collected.consumer);
        return collected;
      },
      publishAll: (bodies) => Promise.all(bodies.map((body) => publisher.publish(outgoing(body)))),
    };
    publishPromises(context);
    consumePromises(context);
  });
}
