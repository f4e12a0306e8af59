import { encodeEnvelope } from '../domain/event.ts';
import { type Announcer, createAnnouncer } from '../pipeline/announcer.ts';
import type { SubscriptionCache } from '../pipeline/subscription-cache.ts';
import { createPublisher, createSnsTransport } from '../pubsub/index.ts';
import type { WorkerContext } from './context.ts';

/** Operational events are waited for before a result is recorded, so not for long: a delivery's lease has 10 s to spare. */
const ANNOUNCE_DEADLINE_MS = 2_000;

/** Operational events go in where all events do. */
export async function startAnnouncer(worker: WorkerContext, subscriptions: SubscriptionCache): Promise<Announcer> {
  const { config, transport, aws, log, watch } = worker;
  const sns = createSnsTransport({ topicArn: transport.topicArn, aws });
  const publisher = createPublisher({ transport: sns, deadlineMs: ANNOUNCE_DEADLINE_MS });
  await worker.lifecycle.start({ name: 'announcer', stop: () => publisher.close() });
  return createAnnouncer({
    subscriptions,
    publish: async (event) => {
      const message = { body: encodeEnvelope(event), groupId: event.partnerId, attributes: { lane: 'live' } };
      return (await publisher.publish(message)).ok;
    },
    onUnpublished: ({ type, partnerId, data }) => {
      watch.unpublished();
      log.warn({ type, partnerId, data }, 'announcement.unpublished');
    },
    disableAfterMs: config.disableAfterMs,
  });
}
