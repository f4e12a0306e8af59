import Type from 'typebox';
import type { Window } from '../domain/stats.ts';
import type { App, ServerDeps } from './deps.ts';
import { PartnerPath } from './partners.ts';
import { notFound } from './problem.ts';
import { PublicId, problems, ref, requireId } from './schemas.ts';
import { Stats, showStats, WindowText } from './stats-schemas.ts';

const Query = Type.Object({ window: Type.Optional(WindowText) }, { additionalProperties: false });

const SubscriptionPath = Type.Object({ ...PartnerPath.properties, subscriptionId: PublicId('sub', 'subscription') });

const description =
  'Every attempt on record counts, in the bucket it started in, some seconds after it was recorded; those of before this ' +
  'was installed do not.';

const response = { 200: ref(Stats), ...problems(403, 404, 422) };

/** …/stats: attempts in numbers. */
export function statsRoutes(app: App, { stats, subscriptions }: Pick<ServerDeps, 'stats' | 'subscriptions'>): void {
  app.get('/v1/partners/:partnerId/stats', {
    config: { access: 'partner' },
    schema: {
      tags: ['Partners'],
      operationId: 'getPartnerStats',
      summary: 'Get a partner’s attempts in numbers',
      description: `Those of deleted subscriptions too. ${description}`,
      params: PartnerPath,
      querystring: Query,
      response,
    },
    handler: async ({ params: { partnerId }, query }) => {
      const window = asked(query);
      const now = new Date();
      return showStats(window, now, await stats.ofPartner(partnerId, window, now));
    },
  });

  app.get('/v1/partners/:partnerId/subscriptions/:subscriptionId/stats', {
    config: { access: 'partner' },
    schema: {
      tags: ['Subscriptions'],
      operationId: 'getSubscriptionStats',
      summary: 'Get a subscription’s attempts in numbers',
      description,
      params: SubscriptionPath,
      querystring: Query,
      response,
    },
    handler: async ({ params: { partnerId, subscriptionId }, query }) => {
      const id = requireId('sub', 'subscription', subscriptionId);
      if (!(await subscriptions.find({ partnerId, id }))) throw notFound(`subscription ${subscriptionId}`);
      const window = asked(query);
      const now = new Date();
      return showStats(window, now, await stats.ofSubscription(id, window, now));
    },
  });
}

const asked = ({ window = '24h' }: { window?: string }): Window => window as Window;
