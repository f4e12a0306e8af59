import type { Accept } from './accept.ts';

/** As much of a log as is needed here: pino's has it. */
export interface AcceptLog {
  isLevelEnabled(level: 'debug'): boolean;
  debug(fields: object, event: string): void;
}

/** One line an event, at debug: what was accepted, and what was refused and why. */
export function loggedAccept(accept: Accept, log: AcceptLog): Accept {
  if (!log.isLevelEnabled('debug')) return accept;
  return async (event, idempotency) => {
    const accepted = await accept(event, idempotency);
    const { partnerId, type, lane } = event;
    if (accepted.ok) log.debug({ eventId: accepted.event.id, partnerId, eventType: type, lane }, 'event.accepted');
    else log.debug({ partnerId, eventType: type, lane, problem: accepted.problem }, 'event.refused');
    return accepted;
  };
}
