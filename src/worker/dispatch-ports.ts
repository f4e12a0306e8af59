import type { DispatchPorts } from '../pipeline/dispatch.ts';
import type { Retrier } from '../pipeline/retrier.ts';
import type { WorkerContext } from './context.ts';
import type { Delivering } from './delivering.ts';
import { slotsFor } from './slots.ts';

/** What the lanes' dispatches share: above all the slots. */
export function createDispatchPorts(worker: WorkerContext, delivering: Delivering, retrier: Retrier): DispatchPorts {
  const { log, watch } = worker;
  const { store, ...shared } = delivering;
  return {
    ...store,
    ...shared,
    slots: slotsFor('first', worker),
    parked: watch.parked,
    deadLetter: watch.deadLetter(async (letter) => {
      await shared.announcer.deadLetter(letter);
      await store.deadLetter(letter);
      log.warn({ messageId: letter.messageId, reason: letter.reason, detail: letter.detail }, 'message.dead_lettered');
    }),
    scheduled: retrier.wake,
  };
}
