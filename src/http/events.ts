import Type from 'typebox';
import { publicId, timeOfId } from '../domain/ids.ts';
import { SKIP_REASONS, UNMATCHED_REASONS, type UnmatchedReason } from '../domain/subscription.ts';
import type { Page } from '../store/cursor.ts';
import type { StoredDelivery } from '../store/deliveries.ts';
import type { EventSummary, StoredEvent } from '../store/events.ts';
import { Delivery, showDelivery } from './delivery-schemas.ts';
import type { App, ServerDeps } from './deps.ts';
import { PartnerPath } from './partners.ts';
import { notFound } from './problem.ts';
import {
  EventTypeText,
  iso,
  nullable,
  PartnerIdText,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  rangeQuery,
  ref,
  requireId,
  showPage,
  Time,
  timeRange,
} from './schemas.ts';

const shown = {
  id: PublicId('evt', 'event'),
  partnerId: PartnerIdText,
  type: EventTypeText,
  timestamp: Time('When it happened, as the producer said it'),
  createdAt: Time('When it was accepted'),
};

/** An event in a list: its data may be 256 KiB, so it is shown for one event only. */
export const Event = Type.Object(shown, { $id: 'Event', description: 'Something that happened, for one partner' });

/** Each shows its last attempt, with up to 16 KiB of an answer. */
const MOST_DELIVERIES = 250;

/** An event with what became of it. */
export const EventWithDeliveries = Type.Object(
  {
    ...shown,
    deliveries: Type.Array(ref(Delivery), {
      description: `One for each subscription that wanted it, ${MOST_DELIVERIES} at the most; empty: none did`,
    }),
    deliveriesNextCursor: nullable(
      Type.String({
        description:
          'Null: these are all its deliveries. Else the `cursor` that the list of deliveries goes on with: ' +
          '`GET …/deliveries?eventId=…&cursor=…`',
      }),
    ),
    skipped: Type.Array(
      Type.Object({
        subscriptionId: PublicId('sub', 'subscription'),
        reason: Type.Enum([...SKIP_REASONS], {
          description:
            '`filtered`: its filter did not match; `created_later`: it did not exist yet when the event was accepted',
        }),
      }),
      { description: 'The subscriptions of its type that it passed by, and why: a hundred at the most' },
    ),
    fanOut: Type.Integer({
      description:
        'Subscriptions it is for: it has, or will have in a moment, a delivery or a place in the feed of each',
    }),
    inFeeds: Type.Integer({ description: 'Feeds of polled subscriptions in which it is' }),
    skippedCount: Type.Integer({ description: 'How many it passed by, those that `skipped` leaves out included' }),
    unmatchedReason: Type.Unsafe<UnmatchedReason | null>({
      type: ['string', 'null'],
      enum: [...UNMATCHED_REASONS, null],
      description:
        'Why it concerned nobody: the partner had no subscriptions then, or none whose event types cover its type. ' +
        'Null: it has deliveries (or will have them in a moment), or passed by those in `skipped`',
    }),
    data: Type.Unknown({ description: 'Byte for byte as it was published', examples: [{ orderId: 1042 }] }),
  },
  { $id: 'EventWithDeliveries', description: 'An event, its deliveries, and what passed it by' },
);

const tags = ['Events'];
const COLLECTION = '/v1/partners/:partnerId/events';

/** /v1/partners/{p}/events: the record of what was published. */
export function eventRoutes(app: App, { events, deliveries }: Pick<ServerDeps, 'events' | 'deliveries'>): void {
  app.get(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listEvents',
      summary: 'List a partner’s events',
      description: 'An event is on record once a worker has taken it, usually milliseconds after it was accepted.',
      params: PartnerPath,
      querystring: Type.Object(
        { type: Type.Optional(EventTypeText), ...rangeQuery, ...pageQuery },
        { additionalProperties: false },
      ),
      response: { 200: pageOf(Event, 'Newest first'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params: { partnerId }, query }) => {
      const filter = { type: query.type, ...timeRange(query) };
      return showPage(await events.list(partnerId, filter, pageRequest('events', query)), showEvent);
    },
  });

  app.get(`${COLLECTION}/:eventId`, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'getEvent',
      summary: 'Get an event with its deliveries',
      params: Type.Object({ ...PartnerPath.properties, eventId: PublicId('evt', 'event') }),
      response: { 200: ref(EventWithDeliveries), ...problems(403, 404) },
    },
    handler: async ({ params: { partnerId, eventId } }, reply) => {
      const id = requireId('evt', 'event', eventId);
      const event = await events.find(partnerId, id);
      if (!event) throw notFound(`event ${eventId}`);
      const page = await deliveries.list(partnerId, { eventId: id }, { limit: MOST_DELIVERIES });
      // What passed by may have come again, and reached it then.
      const passedBy = event.skipped.map(({ subscriptionId }) => subscriptionId);
      const text = eventText(event, page, await deliveries.reached(id, passedBy));
      return reply
        .type('application/json')
        .serializer(String)
        .send(text as never); // written already
    },
  });
}

const showEvent = ({ id, partnerId, type, timestamp }: EventSummary) => ({
  id: publicId('evt', id),
  partnerId,
  type,
  timestamp,
  createdAt: iso(timeOfId(id)),
});

/** JSON text with the event's data in it as it came: parsing and writing it again would change numbers of 20 digits. */
function eventText(event: StoredEvent, page: Page<StoredDelivery>, reached: ReadonlySet<string>): string {
  const skipped = event.skipped
    .filter(({ subscriptionId }) => !reached.has(subscriptionId))
    .map(({ subscriptionId, reason }) => ({ subscriptionId: publicId('sub', subscriptionId), reason }));
  const rest = JSON.stringify({
    ...showEvent(event),
    deliveries: page.data.map(showDelivery),
    deliveriesNextCursor: page.nextCursor,
    fanOut: event.fanOut,
    inFeeds: event.inFeeds,
    skipped,
    skippedCount: skipped.length + event.skippedMore,
    unmatchedReason: page.data.length === 0 ? event.unmatched : null,
  });
  return `${rest.slice(0, -1)},"data":${event.data}}`;
}
