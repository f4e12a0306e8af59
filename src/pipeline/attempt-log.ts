import type { Attempt, Attempted, DeliveryToAttempt } from './attempt.ts';

/** As much of a log as is needed here: pino's has it. */
export interface AttemptLog {
  isLevelEnabled(level: 'debug' | 'info'): boolean;
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
}

/** One wide line an attempt: at debug, and at info when it failed. */
export function logged(attempt: Attempt, log: AttemptLog): Attempt {
  return async (delivery) => {
    const attempted = await attempt(delivery);
    if (attempted.result.cutShort === 'unsent') return attempted;
    const level = attempted.result.outcome === 'succeeded' ? 'debug' : 'info';
    if (log.isLevelEnabled(level)) log[level](describe(delivery, attempted), 'attempt.finished');
    return attempted;
  };
}

function describe(delivery: DeliveryToAttempt, { result, verdict }: Attempted): object {
  const { deliveryId, event, subscription, progress } = delivery;
  return {
    deliveryId,
    eventId: event.id,
    eventType: event.type,
    partnerId: event.partnerId,
    subscriptionId: subscription.id,
    number: progress.attemptCount + 1,
    trigger: progress.trigger,
    outcome: result.outcome,
    error: result.error,
    statusCode: result.response?.statusCode ?? null,
    durationMs: Math.round(result.durationMs),
    state: verdict.state,
    nextDelayMs: verdict.nextDelayMs,
  };
}
