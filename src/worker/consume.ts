import {
  type Consumer,
  type ConsumerOptions,
  createConsumer,
  type Message,
  type QueueTransport,
} from '../pubsub/index.ts';
import type { WorkerContext } from './context.ts';

/** A stop on an idle queue waits for its long poll to end: short ones cost about a dollar a month, and a deploy no time. */
const WAIT_SECONDS = 2;

/** A message whose dispatch failed comes back after this: until then, somebody may have mended what was wrong. */
const RETURN_SECONDS = 30;

interface Consumed {
  readonly lane: string;
  readonly queue: QueueTransport;
  /** Settles the message; rejects when it could not be handled. */
  handle(message: Message): Promise<void>;
  readonly limits: Pick<ConsumerOptions, 'maxInFlight' | 'maxPollers'>;
  /** The log events of trouble with the queue, and of a message that could not be handled. */
  readonly events: { readonly error: string; readonly failed: string };
}

/** Consumes a queue message by message: one that fails goes back by itself, and the others of its batch go on. */
export function consume({ log }: WorkerContext, { lane, queue, handle, limits, events }: Consumed): Consumer {
  return createConsumer({
    transport: queue,
    waitSeconds: WAIT_SECONDS,
    ...limits,
    onError: (error, { during, message }) =>
      log.warn({ err: error, lane, during, messageId: message?.id }, events.error),
    handler: (messages) => {
      for (const message of messages) {
        handle(message).catch((error) => {
          log.error({ err: error, lane, messageId: message.id, receiveCount: message.receiveCount }, events.failed);
          return message.return(RETURN_SECONDS);
        });
      }
    },
  });
}
