import Type, { type Static } from 'typebox';
import { parsePublicId } from '../domain/ids.ts';
import type { StoredDelivery } from '../store/deliveries.ts';
import type { DeliveryFilter } from '../store/delivery-lists.ts';
import { actorOf } from './actor.ts';
import { Delivery, DeliveryStateText, DeliveryWithAttempts, showAttempt, showDelivery } from './delivery-schemas.ts';
import type { App, ServerDeps } from './deps.ts';
import { PartnerPath } from './partners.ts';
import { conflict, notFound, validationFailed } from './problem.ts';
import {
  EventTypeText,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  rangeQuery,
  ref,
  requireId,
  showPage,
  timeRange,
} from './schemas.ts';

type Deps = Pick<ServerDeps, 'deliveries' | 'redeliver' | 'cancel'>;

const Query = Type.Object(
  {
    state: Type.Optional(DeliveryStateText),
    subscriptionId: Type.Optional(PublicId('sub', 'subscription')),
    eventId: Type.Optional(PublicId('evt', 'event')),
    eventType: Type.Optional(EventTypeText),
    ...rangeQuery,
    ...pageQuery,
  },
  { additionalProperties: false },
);

const DeliveryPath = Type.Object({ ...PartnerPath.properties, deliveryId: PublicId('dlv', 'delivery') });

const tags = ['Deliveries'];
const COLLECTION = '/v1/partners/:partnerId/deliveries';
const ONE = `${COLLECTION}/:deliveryId`;

/** /v1/partners/{p}/deliveries. */
export function deliveryRoutes(app: App, deps: Deps): void {
  readRoutes(app, deps);
  changeRoutes(app, deps);
}

function readRoutes(app: App, { deliveries }: Deps): void {
  app.get(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listDeliveries',
      summary: 'List a partner’s deliveries',
      description: 'Those of deleted subscriptions too.',
      params: PartnerPath,
      querystring: Query,
      response: { 200: pageOf(Delivery, 'Newest event first'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params: { partnerId }, query }) => {
      const page = pageRequest('deliveries', query);
      return showPage(await deliveries.list(partnerId, readFilter(query), page), showDelivery);
    },
  });

  app.get(ONE, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'getDelivery',
      summary: 'Get a delivery with its attempts',
      params: DeliveryPath,
      response: { 200: ref(DeliveryWithAttempts), ...problems(403, 404) },
    },
    handler: async ({ params }) => {
      const found = await require(deliveries, params);
      const attempts = await deliveries.attempts(found.id);
      return { ...showDelivery(found), attempts: attempts.map((each) => showAttempt(each, found)) };
    },
  });
}

function changeRoutes(app: App, deps: Deps): void {
  app.post(`${ONE}/redeliver`, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'redeliver',
      summary: 'Attempt a delivery again now',
      description: 'A pending delivery keeps its retry schedule. While an attempt is under way: 409 `in_progress`.',
      params: DeliveryPath,
      response: { 202: ref(Delivery), ...problems(403, 404, 409) },
    },
    handler: async (request, reply) => {
      const { params } = request;
      const { id } = await require(deps.deliveries, params);
      const outcome = await deps.redeliver(id, actorOf(request));
      if (outcome === 'not_found') throw noDelivery(params);
      if (outcome === 'subscription_disabled') throw conflict(outcome, 'its subscription is disabled: enable it first');
      if (outcome === 'subscription_deleted') throw conflict(outcome, 'its subscription was deleted');
      if (outcome === 'in_progress') throw conflict(outcome, 'an attempt is under way: see what comes of it first');
      return reply.code(202).send(showDelivery(await require(deps.deliveries, params)));
    },
  });

  app.post(`${ONE}/cancel`, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'cancelDelivery',
      summary: 'Cancel a pending delivery',
      params: DeliveryPath,
      response: { 200: ref(Delivery), ...problems(403, 404, 409) },
    },
    handler: async (request) => {
      const { params } = request;
      const { id, state } = await require(deps.deliveries, params);
      const outcome = await deps.cancel(id, actorOf(request));
      if (outcome === 'not_found') throw noDelivery(params);
      if (outcome === 'not_pending') throw conflict(outcome, `it is not pending but ${state}`);
      return showDelivery(await require(deps.deliveries, params));
    },
  });
}

type Path = Static<typeof DeliveryPath>;

const noDelivery = ({ deliveryId }: Path) => notFound(`delivery ${deliveryId}`);

/** The partner's delivery. Throws `not_found` for anybody else's. */
async function require(deliveries: Deps['deliveries'], path: Path): Promise<StoredDelivery> {
  const found = await deliveries.find(path.partnerId, requireId('dlv', 'delivery', path.deliveryId));
  if (!found) throw noDelivery(path);
  return found;
}

/** Ids of other partners' resources match nothing, like ids that do not exist. */
const readFilter = (query: Static<typeof Query>): DeliveryFilter => ({
  ...timeRange(query),
  state: query.state as DeliveryFilter['state'],
  eventType: query.eventType,
  subscriptionId: queryId('sub', 'subscriptionId', query.subscriptionId),
  eventId: queryId('evt', 'eventId', query.eventId),
});

function queryId(prefix: 'sub' | 'evt', name: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const id = parsePublicId(prefix, text);
  if (!id) throw validationFailed([{ path: `?${name}`, message: `must be an id that starts with ${prefix}_` }]);
  return id;
}
