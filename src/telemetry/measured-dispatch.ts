import { timeOfId } from '../domain/ids.ts';
import { PARK_REASONS, type ParkReason } from '../domain/parking.ts';
import type { DeadLetter } from '../domain/record.ts';
import type { Attempt } from '../pipeline/attempt.ts';
import type { DispatchMessage, DispatchPorts } from '../pipeline/dispatch.ts';
import { LATENCY_BUCKETS, type Metrics } from './metrics.ts';

/** Handles one message; rejects when it could not be handled. */
export type Handle<M> = (message: M) => Promise<void>;

const DEAD_LETTER_REASONS = ['malformed', 'unknown_partner', 'id_reused', 'receive_limit'];

/** What dispatch counts: messages in and out, how long they waited, what became of them. */
export function measureDispatch(metrics: Metrics, lanes: readonly string[]) {
  const perLane = lanes.map((lane) => ({ lane }));
  const received = metrics.counter(
    { name: 'postrider_messages_received_total', help: 'Messages received from a lane.', labelNames: ['lane'] },
    perLane,
  );
  const settled = metrics.counter(
    {
      name: 'postrider_messages_settled_total',
      help: 'Messages by what became of them: acked (delivered or on record), returned (another worker has the event), failed.',
      labelNames: ['lane', 'how'],
    },
    lanes.flatMap((lane) => ['acked', 'returned', 'failed'].map((how) => ({ lane, how }))),
  );
  const deadLetters = metrics.counter(
    {
      name: 'postrider_dead_letters_total',
      help: 'Messages put on record as dead letters.',
      labelNames: ['lane', 'reason'],
    },
    lanes.flatMap((lane) => DEAD_LETTER_REASONS.map((reason) => ({ lane, reason }))),
  );
  const waited = metrics.histogram({
    name: 'postrider_queue_wait_seconds',
    help: 'From when SQS took a message to when it was received.',
    labelNames: ['lane'],
    buckets: LATENCY_BUCKETS,
  });
  const latency = metrics.histogram({
    name: 'postrider_first_attempt_latency_seconds',
    help: 'From the acceptance of an event (the time in its id) to the end of its first attempt, parked deliveries left out.',
    labelNames: ['lane'],
    buckets: LATENCY_BUCKETS,
  });
  const parked = metrics.counter(
    {
      name: 'postrider_deliveries_parked_total',
      help: 'Deliveries put off before their first attempt: ordered, breaker open, rate limit, at the cap, worker stopping.',
      labelNames: ['reason'],
    },
    PARK_REASONS.map((reason) => ({ reason })),
  );

  function attempt(lane: string, send: Attempt): Attempt {
    return async (delivery) => {
      const attempted = await send(delivery);
      const ms = Date.now() - timeOfId(delivery.event.id).getTime();
      latency.observe({ lane }, Math.max(0, ms) / 1000); // clocks differ
      return attempted;
    };
  }

  return {
    ports: (lane: string, ports: DispatchPorts): DispatchPorts => ({
      ...ports,
      attempt: attempt(lane, ports.attempt),
    }),

    parked: (reason: ParkReason): void => parked.inc({ reason }),

    deadLetter:
      (bury: DispatchPorts['deadLetter']): DispatchPorts['deadLetter'] =>
      async (letter: DeadLetter) => {
        await bury(letter);
        deadLetters.inc({ lane: letter.lane, reason: letter.reason });
      },

    handle<M extends DispatchMessage & { readonly receivedAt: number }>(
      lane: string,
      handle: Handle<DispatchMessage>,
    ): Handle<M> {
      const acked = settled.labels(lane, 'acked');
      const returned = settled.labels(lane, 'returned');
      return async (message) => {
        received.inc({ lane });
        waited.observe({ lane }, Math.max(0, message.receivedAt - message.sentAt.getTime()) / 1000);
        try {
          await handle(counted(message, acked, returned));
        } catch (error) {
          settled.inc({ lane, how: 'failed' });
          throw error;
        }
      };
    },
  };
}

interface Count {
  inc(): void;
}

/** Settling is counted when it is asked for: it is repeated until it works, and what is lost in the end comes again. */
function counted(message: DispatchMessage, acked: Count, returned: Count): DispatchMessage {
  const { id, body, attributes, sentAt, receiveCount } = message;
  return {
    id,
    body,
    attributes,
    sentAt,
    receiveCount,
    ack: () => {
      acked.inc();
      return message.ack();
    },
    return: (delaySeconds) => {
      returned.inc();
      return message.return(delaySeconds);
    },
  };
}
