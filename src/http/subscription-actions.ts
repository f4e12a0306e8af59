import Type from 'typebox';
import { publicId } from '../domain/ids.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict } from './problem.ts';
import { nullable, PublicId, problems } from './schemas.ts';
import { noSubscription, ownedId, SubscriptionPath } from './subscriptions.ts';

const ONE = '/v1/partners/:partnerId/subscriptions/:subscriptionId';

/** What can be asked of a subscription: a test event, and an end to all that is pending. */
export function subscriptionActionRoutes(
  app: App,
  deps: Pick<ServerDeps, 'sendTest' | 'cancelPending' | 'subscriptions'>,
): void {
  app.post(`${ONE}/test`, {
    config: { access: 'partner' },
    schema: {
      tags: ['Subscriptions'],
      operationId: 'testSubscription',
      summary: 'Send a test event now',
      description:
        'An event of type `postrider.test`, for this subscription alone, whatever types it wants. It is attempted once, within a second: see its delivery.',
      params: SubscriptionPath,
      response: {
        202: Type.Object(
          {
            eventId: PublicId('evt', 'test event'),
            deliveryId: nullable(PublicId('dlv', 'delivery; null where it is polled')),
          },
          { description: 'On its way' },
        ),
        ...problems(403, 404, 409),
      },
    },
    handler: async (request, reply) => {
      const { params } = request;
      const sent = await deps.sendTest(ownedId(params), actorOf(request));
      if (sent === 'not_found') throw noSubscription(params);
      if (sent === 'subscription_disabled') throw conflict(sent, 'the subscription is disabled: enable it first');
      const { eventId, deliveryId } = sent;
      return reply.code(202).send({
        eventId: publicId('evt', eventId),
        deliveryId: deliveryId && publicId('dlv', deliveryId),
      });
    },
  });

  app.post(`${ONE}/cancel-pending`, {
    config: { access: 'partner' },
    schema: {
      tags: ['Subscriptions'],
      operationId: 'cancelPending',
      summary: 'Cancel all pending deliveries of a subscription',
      description:
        'Those pending at the time of the request; an attempt under way is still recorded. A running recovery goes on: cancel it as well.',
      params: SubscriptionPath,
      response: {
        200: Type.Object(
          { canceled: Type.Integer({ description: 'How many', examples: [1042] }) },
          { description: 'They are canceled' },
        ),
        ...problems(403, 404),
      },
    },
    handler: async (request) => {
      const { params } = request;
      const owned = ownedId(params);
      if (!(await deps.subscriptions.find(owned))) throw noSubscription(params);
      return { canceled: await deps.cancelPending(owned.id, actorOf(request)) };
    },
  });
}
