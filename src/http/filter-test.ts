import Type, { type Static } from 'typebox';
import { bodyOf } from '../domain/subscription.ts';
import type { EventReads } from '../store/events.ts';
import type { App } from './deps.ts';
import { requireFilter } from './filters.ts';
import { PartnerPath } from './partners.ts';
import { notFound, validationFailed } from './problem.ts';
import { EventTypeText, PublicId, problems, requireId, Time } from './schemas.ts';
import { FilterGiven } from './subscription-schemas.ts';

const Body = Type.Object(
  {
    filter: FilterGiven,
    event: Type.Optional(
      Type.Object(
        {
          type: EventTypeText,
          data: Type.Unknown({ description: 'Any JSON value', examples: [{ order: { total: 120 } }] }),
          timestamp: Type.Optional(Time('When it happened; left out: now')),
        },
        { additionalProperties: false, description: 'An event as it might be published' },
      ),
    ),
    eventId: Type.Optional(PublicId('evt', 'event on record, instead of `event`')),
  },
  { additionalProperties: false },
);

/** Room for a filter and for an event, of 256 KiB each. */
const BODY_LIMIT = 576 * 1024;

/** POST /v1/partners/{p}/subscriptions/filter-test: would an event pass a filter, and if not, why? */
export function filterTestRoute(app: App, { events }: { readonly events: Pick<EventReads, 'find'> }): void {
  app.post('/v1/partners/:partnerId/subscriptions/filter-test', {
    bodyLimit: BODY_LIMIT,
    config: { access: 'partner' },
    schema: {
      tags: ['Subscriptions'],
      operationId: 'testFilter',
      summary: 'Test a filter on an event',
      description: 'Changes nothing. The event is given as `event`, or is one on record: `eventId`.',
      params: PartnerPath,
      body: Body,
      response: {
        200: Type.Object(
          {
            matches: Type.Boolean(),
            reason: Type.Unsafe<{ path: string; message: string } | null>({
              type: ['object', 'null'],
              required: ['path', 'message'],
              properties: {
                path: { type: 'string', description: 'JSON pointer into the filter', examples: ['/data/order/total'] },
                message: { type: 'string', description: 'For people: what the event has there' },
              },
              description: 'The first part of the filter that the event does not meet; null when it matches',
            }),
          },
          { description: 'Whether the event passes, and why not' },
        ),
        ...problems(400, 403, 404, 413, 415, 422),
      },
    },
    handler: async ({ params: { partnerId }, body }) => {
      const filter = requireFilter(body.filter);
      const reason = filter.explain(await eventBody(events, partnerId, body));
      return { matches: reason === null, reason };
    },
  });
}

/** The webhook's body, of the event that the request gives or names. */
async function eventBody(events: Pick<EventReads, 'find'>, partnerId: string, given: Static<typeof Body>) {
  const { event, eventId } = given;
  if ((event === undefined) === (eventId === undefined)) {
    throw validationFailed([{ path: '/event', message: 'is required, or /eventId instead' }]);
  }
  if (event) return { type: event.type, timestamp: event.timestamp ?? new Date().toISOString(), data: event.data };
  const found = await events.find(partnerId, requireId('evt', 'event', eventId as string));
  if (!found) throw notFound(`event ${eventId}`);
  return bodyOf(found);
}
