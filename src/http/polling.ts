import type { FastifyRequest } from 'fastify';
import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import { encodeCursor } from '../store/cursor.ts';
import type { FeedPage, FeedPlace } from '../store/feed.ts';
import { judgeAgain } from './access.ts';
import type { App, ServerDeps } from './deps.ts';
import { createFeedWaiting, MOST_OF_A_PARTNER, MOST_WAITING } from './feed-waiting.ts';
import { conflict, validationFailed } from './problem.ts';
import { EventTypeText, invalidCursor, PublicId, pageQuery, pageRequest, problems, ref, Time } from './schemas.ts';
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

type Deps = Pick<ServerDeps, 'feed' | 'subscriptions' | 'authentication'>;
type Path = Static<typeof SubscriptionPath>;
type Request = Pick<FastifyRequest, 'headers'> & { readonly params: Path };

interface Wait {
  readonly place: FeedPlace;
  readonly limit: number;
  isOver(): boolean;
}

const nothingAfter = ({ after }: FeedPlace): FeedPage => ({ events: [], position: after });

/** GET …/subscriptions/{s}/events: for partners who cannot receive. */
export function pollingRoutes(app: App, { feed, subscriptions, authentication }: Deps): void {
  const waiting = createFeedWaiting(feed);
  const closing = new AbortController();
  app.addHook('preClose', async () => closing.abort());

  app.get('/v1/partners/:partnerId/subscriptions/:subscriptionId/events', {
    config: { access: 'partner' },
    schema: {
      tags: ['Events'],
      operationId: 'pollEvents',
      summary: 'Poll a subscription without a URL',
      description:
        'The events for it in one order that never changes, none left out; start without a cursor for the oldest that is kept. `cursor` acknowledges nothing: any page can be read again. ' +
        `At most ${MOST_WAITING} requests wait in a process (503 \`overloaded\` beyond), ${MOST_OF_A_PARTNER} of a partner (429 \`too_many_waiting\`).`,
      params: SubscriptionPath,
      querystring: Query,
      response: { 200: ref(PolledEvents), ...problems(400, 403, 404, 409, 422, 503) },
    },
    handler: async (request, reply) => {
      const { params, query } = request;
      const { id: subscriptionId } = ownedId(params);
      const { limit, before } = pageRequest('feed', query);
      const after = positionIn(subscriptionId, before);
      const deadline = Date.now() + waitMs(query.wait);
      const isOver = () => Date.now() >= deadline || closing.signal.aborted || reply.raw.destroyed; // its client has left
      await requirePolled(params);
      const place = { subscriptionId, after };
      let page = await feed.read(subscriptionId, after, limit);
      if (page.events.length === 0 && BigInt(after) > BigInt(await feed.head(subscriptionId))) throw invalidCursor();
      if (page.events.length === 0 && !isOver()) page = await wait(request, { place, limit, isOver });
      return reply
        .type('application/json')
        .serializer(String)
        .send(pageText(subscriptionId, page) as never); // written already
    },
  });

  /** The first page that has an event, or an empty one when it is over. */
  async function wait(request: Request, { place, limit, isOver }: Wait): Promise<FeedPage> {
    const leave = waiting.enter(request.params.partnerId);
    try {
      for (;;) {
        const hasNews = await waiting.nextLook(place);
        if (hasNews) await requirePolled(request.params);
        const page = hasNews ? await feed.read(place.subscriptionId, place.after, limit) : nothingAfter(place);
        await judgeAgain(authentication, request);
        if (page.events.length > 0 || isOver()) return page;
      }
    } finally {
      leave();
    }
  }

  async function requirePolled(params: Path): Promise<void> {
    const found = await subscriptions.find(ownedId(params));
    if (!found) throw noSubscription(params);
    if (found.url === null) return;
    throw conflict('not_polled', 'events are sent to its url: make a subscription with url null to poll');
  }
}

/** Positions of two feeds have nothing to do with each other: a cursor is good for the subscription that gave it. */
function positionIn(subscriptionId: string, cursor: string | undefined): string {
  if (cursor === undefined) return '0';
  const [of, position = '0'] = cursor.split(' ');
  if (of !== subscriptionId) throw invalidCursor();
  return position;
}

function waitMs(text = '0s'): number {
  const ms = text.endsWith('ms') ? Number.parseInt(text, 10) : Number.parseInt(text, 10) * 1_000;
  if (ms > LONGEST_WAIT_MS) throw validationFailed([{ path: '?wait', message: 'must not be longer than 20s' }]);
  return ms;
}

/** JSON text with each event's data in it as it came: parsing and writing it again would change numbers of 20 digits. */
function pageText(subscriptionId: string, { events, position }: FeedPage): string {
  const texts = events.map(({ id, data, ...rest }) => {
    const head = JSON.stringify({ id: publicId('evt', id), ...rest });
    return `${head.slice(0, -1)},"data":${data}}`;
  });
  return `{"data":[${texts.join(',')}],"nextCursor":"${encodeCursor('feed', `${subscriptionId} ${position}`)}"}`;
}
