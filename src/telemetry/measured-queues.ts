import { createCached } from './cached.ts';
import type { Metrics } from './metrics.ts';

/** As much of a queue's transport as is watched. */
export interface WatchedQueue<M extends { readonly sentAt: number }, Q> {
  receive(request: Q): Promise<M[]>;
  deleteBatch(receipts: readonly string[]): Promise<unknown[]>;
  depth(): Promise<Depth>;
}

export interface Depth {
  readonly waiting: number;
  readonly inFlight: number;
  readonly delayed: number;
}

const STATES: readonly [string, (depth: Depth) => number][] = [
  ['visible', ({ waiting }) => waiting],
  ['in_flight', ({ inFlight }) => inFlight],
  ['delayed', ({ delayed }) => delayed],
];

interface Lane {
  readonly depth: () => Promise<Depth | null>;
  readonly age: () => Promise<number>;
  /** Messages received and not yet settled in this process. */
  inFlight: () => number;
}

/** What SQS tells of the queues, asked at most every 14 s and only when somebody scrapes. */
export function watchQueues(metrics: Metrics) {
  const lanes = new Map<string, Lane>();
  const deadLetterQueues = new Map<string, () => Promise<Depth | null>>();
  const batches = metrics.histogram({
    name: 'postrider_queue_batch_messages',
    help: 'Messages in one call to SQS; a receive that brought none is left out.',
    labelNames: ['lane', 'call'],
    buckets: [1, 2, 3, 5, 7, 10],
  });
  const depthGauge = (name: string, help: string, queues: () => Iterable<[string, () => Promise<Depth | null>]>) =>
    metrics.gauge({
      name,
      help,
      labelNames: ['lane', 'state'],
      async collect() {
        for (const [lane, ask] of queues()) {
          const depth = await ask();
          for (const [state, of] of STATES) {
            if (depth) this.set({ lane, state }, of(depth));
            else this.remove({ lane, state });
          }
        }
      },
    });
  depthGauge('postrider_queue_messages', 'About how many messages a lane has, says SQS.', () =>
    [...lanes].map(([lane, { depth }]) => [lane, depth]),
  );
  depthGauge(
    'postrider_dead_letter_queue_messages',
    'About how many messages a lane’s dead-letter queue has: workers move them into the table within seconds.',
    () => deadLetterQueues,
  );
  metrics.gauge({
    name: 'postrider_queue_oldest_message_age_seconds',
    help: 'An estimate: the longest wait among the messages received since the last scrape; grows by the clock while none is received and some are visible.',
    labelNames: ['lane'],
    async collect() {
      for (const [lane, { age }] of lanes) this.set({ lane }, await age());
    },
  });
  metrics.gauge({
    name: 'postrider_messages_in_flight',
    help: 'Messages received and not yet settled by this process.',
    labelNames: ['lane'],
    collect() {
      for (const [lane, { inFlight }] of lanes) this.set({ lane }, inFlight());
    },
  });

  return {
    lane<M extends { readonly sentAt: number }, Q, T extends WatchedQueue<M, Q>>(
      lane: string,
      queue: T & WatchedQueue<M, Q>,
    ): T {
      const depth = createCached(() => queue.depth());
      const age = createAgeEstimate();
      const isEmpty = async () => ((await depth())?.waiting ?? 0) === 0;
      lanes.set(lane, { depth, age: async () => age.estimate(await isEmpty()), inFlight: () => 0 });
      return {
        ...queue,
        receive: async (request: Q) => {
          const messages = await queue.receive(request);
          if (messages.length === 0) return messages;
          batches.observe({ lane, call: 'receive' }, messages.length);
          for (const { sentAt } of messages) age.received(sentAt);
          return messages;
        },
        deleteBatch: (receipts: readonly string[]) => {
          batches.observe({ lane, call: 'delete' }, receipts.length);
          return queue.deleteBatch(receipts);
        },
      };
    },

    deadLetters<T extends { depth(): Promise<Depth> }>(lane: string, queue: T): T {
      deadLetterQueues.set(
        lane,
        createCached(() => queue.depth()),
      );
      return queue;
    },

    /** The consumer of a lane is there. */
    consumer<C extends { readonly inFlight: number }>(lane: string, consumer: C): C {
      const watched = lanes.get(lane);
      if (watched) watched.inFlight = () => consumer.inFlight;
      return consumer;
    },
  };
}

/**
 * SQS shows the age of a queue's oldest message in CloudWatch only. Messages come out about in the order in which they went in, so
 * the longest wait of those that came out lately is about the age of the oldest that is left.
 */
export function createAgeEstimate(now: () => number = Date.now) {
  let longestMs: number | null = null;
  let estimateMs = 0;
  let askedAt = now();
  return {
    received(sentAt: number): void {
      longestMs = Math.max(longestMs ?? 0, now() - sentAt);
    },
    /** In seconds. */
    estimate(isEmpty: boolean): number {
      const sinceMs = now() - askedAt;
      askedAt = now();
      if (longestMs !== null) estimateMs = longestMs;
      else estimateMs = isEmpty ? 0 : estimateMs + sinceMs;
      longestMs = null;
      return estimateMs / 1000;
    },
  };
}
