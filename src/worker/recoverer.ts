import { createRecover } from '../pipeline/recover.ts';
import { createRecoverer, type Recoverer } from '../pipeline/recoverer.ts';
import type { Retrier } from '../pipeline/retrier.ts';
import { createRecoverySteps } from '../store/recovery-steps.ts';
import type { WorkerContext } from './context.ts';
import type { Delivering } from './delivering.ts';

/** Takes recoveries a step at a time: the retrier then finds what they made due. */
export async function startRecoverer(
  { lifecycle, log }: WorkerContext,
  { store, subscriptions }: Delivering,
  retrier: Retrier,
): Promise<Recoverer> {
  const recoverer = createRecoverer({
    recover: createRecover({ inStep: createRecoverySteps(store.pool), subscriptions, scheduled: retrier.wake }),
    onError: (error) => log.warn({ err: error }, 'recovery.failed'),
  });
  await lifecycle.start({ name: 'recoverer', ...recoverer });
  return recoverer;
}
