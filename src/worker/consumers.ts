import type { DispatchPorts } from '../pipeline/dispatch.ts';
import type { WorkerContext } from './context.ts';
import { drainConsumers } from './drains.ts';
import { laneConsumers } from './lanes.ts';
import type { WorkerSender } from './sender.ts';

/** A stop ends attempts that are still under way this share of the grace before its end: their results are yet to be recorded. */
const CUT_SHORT_AT = 0.76;

/** What the record then says. */
const CUT_SHORT = 'the worker was stopped before the receiver had answered; it is attempted again by another one';

/** From here on Postgres is not waited for any more: what is not recorded comes back with its message or its lease. */
const GIVE_UP_AT = 0.84;

/** The consumers' share of the grace: the rest is for closing connections. */
const CONSUMERS_SHARE = 0.92;

/** What a stop of the consumers takes along. */
export interface StoppedTogether {
  /** Its attempts are ended when they take too long. */
  readonly sender: Pick<WorkerSender, 'abortAll'>;
  /** They, too, take up no more, and have results to record. */
  readonly others: readonly { stop(): Promise<void> }[];
}

/** Takes messages in. Stopped first: after it no message comes in, and those in hand are through or handed back. */
export async function startConsumers(
  worker: WorkerContext,
  ports: DispatchPorts,
  { sender, others }: StoppedTogether,
): Promise<void> {
  const consumers = [...laneConsumers(worker, ports), ...drainConsumers(worker, ports)];
  await worker.lifecycle.start({
    name: 'consumers',
    start: () => {
      for (const consumer of consumers) consumer.start();
    },
    stop: async (grace) => {
      const cutShort = setTimeout(() => sender.abortAll(CUT_SHORT), grace * CUT_SHORT_AT);
      const giveUp = setTimeout(() => worker.stopping.abort(new Error('the worker is stopping')), grace * GIVE_UP_AT);
      const stops = consumers.map((consumer) => consumer.stop({ graceMs: grace * CONSUMERS_SHARE }));
      await Promise.all([...stops, ...others.map((other) => other.stop())]);
      clearTimeout(cutShort);
      clearTimeout(giveUp);
    },
  });
}
