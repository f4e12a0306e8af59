import type { Logger } from 'pino';
import { encodeEnvelope } from '../domain/event.ts';
import { type Accept, type AcceptPorts, createAccept } from '../pipeline/accept.ts';
import { loggedAccept } from '../pipeline/accept-log.ts';
import type { Publisher } from '../pubsub/index.ts';
import { claimIdempotencyKey, markPublished } from '../store/idempotency.ts';
import type { ApiContext } from './context.ts';
import type { Known } from './known.ts';
import { PROBLEMS } from './publisher.ts';
import type { StoreAccess } from './store-functions.ts';

export interface AcceptParts {
  readonly store: StoreAccess;
  readonly known: Known;
  readonly publisher: Publisher;
}

/** Takes events in. */
export function createAccepting({ log, watch }: ApiContext, { store, known, publisher }: AcceptParts): Accept {
  const accept = createAccept({
    partnerExists: async (id) => {
      try {
        return (await known.partners.get(id)) !== null;
      } catch {
        return true; // the database is away: dispatch judges
      }
    },
    publish: watch.publish(publishWith(publisher, log)),
    claimKey: (request) => claimIdempotencyKey(store.pool, request),
    markPublished: (key) => markPublished(store.pool, key),
  });
  return watch.accept(loggedAccept(accept, log));
}

/** Publishes an event's envelope; `MessageGroupId` is the partner, so that SQS fair queues keep partners apart. */
function publishWith(publisher: Publisher, log: Logger): AcceptPorts['publish'] {
  return async (event, { lane, traceparent }) => {
    const body = encodeEnvelope(event);
    const published = await publisher.publish({
      body,
      groupId: event.partnerId,
      attributes: { lane, ...(traceparent && { traceparent }) },
    });
    if (published.ok) return published;
    const problem = PROBLEMS[published.reason];
    if (problem) return { ok: false, problem, detail: published.detail };
    log.warn({ eventId: event.id, reason: published.reason, detail: published.detail }, 'publish.failed'); // names accounts
    return { ok: false, problem: 'unavailable', detail: 'Amazon SNS did not take the event: try again' };
  };
}
