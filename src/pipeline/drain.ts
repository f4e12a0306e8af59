import { decodeEnvelope } from '../domain/event.ts';
import type { DeadLetter } from '../domain/record.ts';
import type { DispatchMessage } from './dispatch.ts';

/** What draining needs from outside. */
export interface DrainPorts {
  /** Resolves when the letter is committed; waits as long as that takes. */
  deadLetter(letter: DeadLetter): Promise<void>;
}

export interface DrainSettings {
  /** Of the queue whose dead letters these are. */
  readonly lane: string;
  readonly now?: () => number;
}

type DrainMessage = Pick<DispatchMessage, 'id' | 'body' | 'attributes' | 'sentAt' | 'receiveCount' | 'ack'>;

/**
 * Takes a message out of a dead-letter queue: on record first, then deleted. Dies in between: it is received again, and its
 * letter is the same row.
 */
export function createDrain(ports: DrainPorts, { lane, now = Date.now }: DrainSettings) {
  return async function drain(message: DrainMessage): Promise<void> {
    const { id: messageId, body, attributes, sentAt, receiveCount } = message;
    const decoded = decodeEnvelope(body, message, new Date(now()));
    const partnerId = decoded.ok ? decoded.event.partnerId : decoded.partnerId;
    const detail = `it was received ${receiveCount} times and never finished: the workers' logs say why (dispatch.failed)`;
    const what = { messageId, sentAt, lane, body, attributes, receiveCount, partnerId };
    await ports.deadLetter({ ...what, reason: 'receive_limit', detail });
    await message.ack();
  };
}
