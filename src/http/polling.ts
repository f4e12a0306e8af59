import { setTimeout as delay } from 'node:timers/promises';
import Type from 'typebox';
import { publicId } from '../domain/ids.ts';
import { encodeCursor } from '../store/cursor.ts';
import type { FeedPage } from '../store/feed.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict, validationFailed } from './problem.ts';
import { EventTypeText, PublicId, pageQuery, pageRequest, problems, ref, Time } from './schemas.ts';
import { noSubscription, ownedId, SubscriptionPath } from './subscriptions.ts';

/** Events for a polled subscription, and where to go on. */
export const PolledEvents = Type.Object(
  {
    data: Type.Array(
      Type.Object({
        id: PublicId('evt', 'event'),
        type: EventTypeText,
        timestamp: Time('When it happened, as the producer said it'),
        data: Type.Unknown({ description: 'Byte for byte as it was published', examples: [{ orderId: 1042 }] }),
      }),
      { description: 'Oldest first' },
    ),
    nextCursor: Type.String({
      description: 'For `cursor`, whenever you ask next: keep it once you have dealt with `data`',
    }),
  },
  { $id: 'PolledEvents', description: 'The next events of a polled subscription' },
);

const Query = Type.Object(
  {
    ...pageQuery,
    wait: Type.Optional(
      Type.String({
        pattern: '^[0-9]{1,5}(ms|s)$',
        description: 'How long to wait for an event where there is none yet: up to `20s`',
        examples: ['20s'],
      }),
    ),
  },
  { additionalProperties: false },
);

/** Load balancers end a quiet request after 60 s, and a stop waits for none longer than a look. */
const LONGEST_WAIT_MS = 20_000;

/** While a request waits, its feed is looked at this often: two look-ups by index. */
const LOOK_EVERY_MS = 200;

/** GET …/subscriptions/{s}/events: for partners who cannot receive. */
export function pollingRoutes(app: App, { feed, subscriptions }: Pick<ServerDeps, 'feed' | 'subscriptions'>): void {
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.get('/v1/partners/:partnerId/subscriptions/:subscriptionId/events', {
    config: { access: 'partner' },
    schema: {
      tags: ['Events'],
      operationId: 'pollEvents',
      summary: 'Poll a subscription without a URL',
      description:
        'The events for it in one order that never changes, none left out; start without a cursor for the oldest that is kept. `cursor` acknowledges nothing: any page can be read again.',
      params: SubscriptionPath,
      querystring: Query,
      response: { 200: ref(PolledEvents), ...problems(400, 403, 404, 409, 422) },
    },
    handler: async ({ params, query }, reply) => {
      const owned = ownedId(params);
      const { limit, before: after = '0' } = pageRequest('feed', query);
      const deadline = Date.now() + waitMs(query.wait);
      const found = await subscriptions.find(owned);
      if (!found) throw noSubscription(params);
      if (found.url !== null) {
        throw conflict('not_polled', 'events are sent to its url: make a subscription with url null to poll');
      }
      const gone = new AbortController();
      reply.raw.once('close', () => gone.abort());
      const signal = AbortSignal.any([closing.signal, gone.signal]);
      let page = await feed.read(owned.id, after, limit);
      while (page.events.length === 0 && Date.now() < deadline && !signal.aborted) {
        await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined);
        page = await feed.read(owned.id, after, limit);
      }
      return reply
        .type('application/json')
        .serializer(String)
        .send(pageText(page) as never); // written already
    },
  });
}

function waitMs(text = '0s'): number {
  const ms = text.endsWith('ms') ? Number.parseInt(text, 10) : Number.parseInt(text, 10) * 1_000;
  if (ms > LONGEST_WAIT_MS) throw validationFailed([{ path: '?wait', message: 'must not be longer than 20s' }]);
  return ms;
}

/** JSON text with each event's data in it as it came: parsing and writing it again would change numbers of 20 digits. */
function pageText({ events, position }: FeedPage): string {
  const texts = events.map(({ id, data, ...rest }) => {
    const head = JSON.stringify({ id: publicId('evt', id), ...rest });
    return `${head.slice(0, -1)},"data":${data}}`;
  });
  return `{"data":[${texts.join(',')}],"nextCursor":"${encodeCursor('feed', position)}"}`;
}
