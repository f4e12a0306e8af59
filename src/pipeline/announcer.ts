import type { AttemptResult } from '../domain/attempt.ts';
import type { Alarm, Health } from '../domain/breaker.ts';
import { cameBackAs } from '../domain/dead-letter.ts';
import type { Event } from '../domain/event.ts';
import { eventIdOfMessage, publicId } from '../domain/ids.ts';
import { isOperational, OPERATOR_PARTNER, type OperationalNews, operationalEvent } from '../domain/operational.ts';
import type { DeadLetter } from '../domain/record.ts';
import { TEST_EVENT_TYPE } from '../domain/recovery.ts';
import { coversType } from '../domain/subscription.ts';
import type { Attempted, DeliveryToAttempt } from './attempt.ts';
import type { DeliverableSubscription, SubscriptionCache } from './subscription-cache.ts';

/** What announcing needs from outside. */
export interface AnnouncerPorts {
  readonly subscriptions: Pick<SubscriptionCache, 'get'>;
  /** Publishes as a producer would; false when the topic did not take it. Does not reject. */
  publish(event: Event): Promise<boolean>;
  onUnpublished(event: Event): void;
  readonly disableAfterMs: number;
  readonly now?: () => number;
}

/**
 * Operational events: what partners and operators are told through the same pipeline as everything else. Told before it is put
 * on record: whoever dies in between does it again, and the same news have the same event id. Costs nothing where nobody
 * subscribed; while SNS is away, the news are left out (and logged) rather than have deliveries wait for them.
 */
export function createAnnouncer(ports: AnnouncerPorts) {
  const { now = Date.now } = ports;

  async function tell(news: OperationalNews): Promise<void> {
    const partner = await ports.subscriptions.get(news.partnerId);
    const isWanted = partner?.subscriptions.some(
      ({ enabled, eventTypes }) => enabled && eventTypes.some((pattern) => coversType(pattern, news.type)),
    );
    if (!isWanted) return;
    const event = operationalEvent(news, new Date(now()));
    if (!(await ports.publish(event))) ports.onUnpublished(event);
  }

  return {
    /** A delivery's attempts are used up, or it was exhausted before and has now succeeded. Not of a test: whoever asked sees it. */
    delivery(delivery: DeliveryToAttempt, { result, verdict }: Attempted): Promise<void> | undefined {
      const type = newsOf(delivery, verdict.state);
      if (!type || isOperational(delivery.event.type) || delivery.event.type === TEST_EVENT_TYPE) return undefined;
      const { deliveryId, subscription, event, progress } = delivery;
      const attemptCount = progress.attemptCount + 1;
      const data = { ...aboutDelivery(delivery), attemptCount, lastAttempt: lastAttempt(result) };
      return tell({ partnerId: event.partnerId, type, key: `${deliveryId} ${attemptCount} ${subscription.id}`, data });
    },

    /** The breaker has opened for the first time in a streak, or part of the time until disabling has passed. */
    failing({ id, partnerId, url }: DeliverableSubscription, alarm: Alarm, health: Health, result: AttemptResult) {
      const failingSince = health.failingSince ?? result.startedAt;
      const percent = alarm.kind === 'warning' ? alarm.percent : null;
      const data = {
        subscriptionId: publicId('sub', id),
        url,
        reason: percent === null ? 'breaker_opened' : 'still_failing',
        percent,
        failingSince,
        disableAt: new Date(failingSince.getTime() + ports.disableAfterMs),
        lastAttempt: lastAttempt(result),
      };
      const key = `${id} ${failingSince.getTime()} ${percent ?? 'opened'}`;
      return tell({ partnerId, type: 'subscription.failing', key, data });
    },

    /** @param updatedAt of the subscription as it was enabled: when it is enabled again, and disabled again, that is news */
    disabled(
      { id, partnerId, url }: DeliverableSubscription,
      reason: 'gone' | 'failing',
      updatedAt: Date,
      result: AttemptResult,
    ) {
      const data = { subscriptionId: publicId('sub', id), url, reason, lastAttempt: lastAttempt(result) };
      return tell({ partnerId, type: 'subscription.disabled', key: `${id} ${reason} ${updatedAt.getTime()}`, data });
    },

    /** Dead letters are the operator's: most of them have no partner, and none has one that could mend it. */
    async deadLetter(letter: DeadLetter): Promise<void> {
      if (isOperationalBody(letter.body)) return;
      const { messageId, sentAt, lane, reason, detail, partnerId } = letter;
      const key = eventIdOfMessage(sentAt, messageId); // one that came back from a redrive is told again
      const data = {
        deadLetterId: publicId('dl', cameBackAs(letter.attributes) ?? key),
        lane,
        reason,
        detail,
        partnerId,
      };
      await tell({ partnerId: OPERATOR_PARTNER, type: 'dead_letter.created', key: publicId('dl', key), data });
    },
  };
}

export type Announcer = ReturnType<typeof createAnnouncer>;

function newsOf({ recovering }: DeliveryToAttempt, state: string) {
  if (state === 'exhausted') return 'delivery.exhausted';
  return state === 'succeeded' && recovering ? 'delivery.recovered' : null;
}

const aboutDelivery = ({ deliveryId, subscription, event }: DeliveryToAttempt) => ({
  deliveryId: publicId('dlv', deliveryId),
  subscriptionId: publicId('sub', subscription.id),
  eventId: publicId('evt', event.id),
  eventType: event.type,
});

const lastAttempt = ({ startedAt, outcome, error, response }: AttemptResult) => ({
  startedAt,
  outcome,
  error,
  statusCode: response?.statusCode ?? null,
});

/** A dead letter that was itself an operational event says nothing new, and could go round for ever. */
function isOperationalBody(body: string): boolean {
  try {
    return isOperational((JSON.parse(body) as { type: string }).type);
  } catch {
    return false;
  }
}
