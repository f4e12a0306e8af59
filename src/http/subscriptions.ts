import Type, { type Static } from 'typebox';
import type { OwnedId } from '../store/secrets.ts';
import type { Decide, SubscriptionSettings } from '../store/subscriptions.ts';
import { noPartner } from './access.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { requireFilter } from './filters.ts';
import { checkHeaders } from './own-headers.ts';
import { PartnerPath } from './partners.ts';
import { conflict, notFound, validationFailed } from './problem.ts';
import {
  checkMetadata,
  Nothing,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  ref,
  requireId,
  showPage,
} from './schemas.ts';
import { newSecret, parseSecret, SECRET_RULE, showSecret } from './secret-text.ts';
import {
  CreatedSubscription,
  NewSubscription,
  Subscription,
  SubscriptionChange,
  showSubscription,
} from './subscription-schemas.ts';

type Deps = Pick<ServerDeps, 'subscriptions' | 'checkTargetUrl'>;

/** The path of everything below a subscription. */
export const SubscriptionPath = Type.Object({
  ...PartnerPath.properties,
  subscriptionId: PublicId('sub', 'subscription'),
});

/** Filters may have 256 KiB. */
const BODY_LIMIT = 320 * 1024;

const tags = ['Subscriptions'];
const COLLECTION = '/v1/partners/:partnerId/subscriptions';
const ONE = `${COLLECTION}/:subscriptionId`;

/** /v1/partners/{p}/subscriptions. */
export function subscriptionRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  changeRoutes(app, deps);
}

function createRoute(app: App, deps: Deps): void {
  app.post(COLLECTION, {
    bodyLimit: BODY_LIMIT,
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'createSubscription',
      summary: 'Create a subscription',
      description:
        'Every event accepted after the answer matches it. The answer shows the secret. With `url` null nothing is sent: its events are polled.',
      params: PartnerPath,
      body: NewSubscription,
      response: { 201: ref(CreatedSubscription), ...problems(400, 403, 404, 413, 415, 422) },
    },
    handler: async (request, reply) => {
      const { body } = request;
      const { partnerId } = request.params;
      const { secret: text, ...given } = body;
      const secret = text === undefined ? newSecret('hmac-sha256') : parseSecret(text);
      if (!secret) throw validationFailed([{ path: '/secret', message: SECRET_RULE }]);
      const { url, eventTypes } = body;
      const settings = { ...DEFAULTS, ...checkSettings(given, null, deps), url, eventTypes };
      const created = await deps.subscriptions.create(partnerId, settings, secret, actorOf(request));
      if (!created) throw noPartner(partnerId);
      const shown = { ...showSubscription(created), ...showSecret(secret) };
      return reply.code(201).header('location', `/v1/partners/${partnerId}/subscriptions/${shown.id}`).send(shown);
    },
  });
}

function readRoutes(app: App, { subscriptions }: Deps): void {
  app.get(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listSubscriptions',
      summary: 'List a partner’s subscriptions',
      params: PartnerPath,
      querystring: Type.Object(pageQuery, { additionalProperties: false }),
      response: { 200: pageOf(Subscription, 'Newest first'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params: { partnerId }, query }) =>
      showPage(await subscriptions.list(partnerId, pageRequest('subscriptions', query)), showSubscription),
  });

  app.get(ONE, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'getSubscription',
      summary: 'Get a subscription',
      params: SubscriptionPath,
      response: { 200: ref(Subscription), ...problems(403, 404) },
    },
    handler: async ({ params }) => {
      const found = await subscriptions.find(ownedId(params));
      if (!found) throw noSubscription(params);
      return showSubscription(found);
    },
  });
}

function changeRoutes(app: App, deps: Deps): void {
  app.patch(ONE, {
    bodyLimit: BODY_LIMIT,
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'updateSubscription',
      summary: 'Change a subscription',
      description: 'What is left out stays as it is; `headers`, `filter` and `metadata` are replaced as a whole.',
      params: SubscriptionPath,
      body: SubscriptionChange,
      response: { 200: ref(Subscription), ...problems(400, 403, 404, 409, 413, 415, 422) },
    },
    handler: async (request) => {
      const { params, body } = request;
      const decide: Decide = (now) => checkSettings(body, now, deps);
      const changed = await deps.subscriptions.update(ownedId(params), decide, actorOf(request));
      if (!changed) throw noSubscription(params);
      return showSubscription(changed);
    },
  });

  app.delete(ONE, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'deleteSubscription',
      summary: 'Delete a subscription',
      description: 'Its deliveries stay on record.',
      params: SubscriptionPath,
      response: { 204: Nothing, ...problems(403, 404) },
    },
    handler: async (request, reply) => {
      const { params } = request;
      if (!(await deps.subscriptions.remove(ownedId(params), actorOf(request)))) throw noSubscription(params);
      return reply.code(204).send(null);
    },
  });
}

const DEFAULTS = {
  description: null,
  headers: {},
  timeoutSeconds: null,
  enabled: true,
  ordered: false,
  filter: null,
  rateLimit: null,
  metadata: {},
} as const;

/** The rules beyond the schema's reach. `before` is what the settings change, or null where they make something new. */
function checkSettings(
  given: Partial<Omit<Static<typeof NewSubscription>, 'secret'>>,
  before: SubscriptionSettings | null,
  { checkTargetUrl }: Deps,
): Partial<SubscriptionSettings> {
  if (before?.url === null && given.url !== undefined) {
    throw conflict('polled', 'this subscription is polled and stays so: make a new one with a url');
  }
  const fault = given.url == null ? null : checkTargetUrl(given.url);
  if (fault) throw validationFailed([{ path: '/url', message: fault.message }], fault.code);
  checkMetadata(given.metadata);
  if (given.filter != null) requireFilter(given.filter);
  return given.headers ? { ...given, headers: checkHeaders(given.headers, before?.headers ?? {}) } : given;
}

/** The path's ids, for the store. */
export const ownedId = ({ partnerId, subscriptionId }: Static<typeof SubscriptionPath>): OwnedId => ({
  partnerId,
  id: requireId('sub', 'subscription', subscriptionId),
});

export const noSubscription = ({ subscriptionId }: { subscriptionId: string }) =>
  notFound(`subscription ${subscriptionId}`);
