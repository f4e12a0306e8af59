import { type Attempt, createAttempt } from '../pipeline/attempt.ts';
import { logged } from '../pipeline/attempt-log.ts';
import { version } from '../version.ts';
import { createEgressGuard, createSender } from '../webhook/index.ts';
import type { WorkerContext } from './context.ts';

export interface WorkerSender {
  readonly attempt: Attempt;
  /** Ends all attempts, with this on record. */
  abortAll(reason: string): void;
}

const USER_AGENT = `Postrider/${version}`;

/** Makes attempts, those of new events and those of the retrier. */
export async function startSender({ config, lifecycle, log, watch }: WorkerContext): Promise<WorkerSender> {
  const guard = createEgressGuard({ allowedCidrs: config.allowedTargetCidrs });
  const sender = createSender({ guard, userAgent: USER_AGENT });
  await lifecycle.start({ name: 'sender', stop: () => sender.close() });
  const attempt = createAttempt({
    send: sender.send,
    schedule: config.retrySchedule,
    defaultTimeoutMs: config.deliveryTimeoutMs,
    userAgent: USER_AGENT,
  });
  return { attempt: watch.attempt(logged(attempt, log)), abortAll: sender.abortAll };
}
