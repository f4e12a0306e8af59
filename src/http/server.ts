import { randomBytes } from 'node:crypto';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify, { type FastifyInstance } from 'fastify';
import { guardRoutes, requirePartner } from './access.ts';
import { ApiKey, apiKeyRoutes, CreatedApiKey, partnerApiKeyRoutes } from './api-keys.ts';
import { AuditEntry, auditRoutes, partnerAuditRoutes } from './audit.ts';
import { DeadLetter, deadLetterRoutes } from './dead-letters.ts';
import { deliveryRoutes } from './deliveries.ts';
import { Attempt, Delivery, DeliveryWithAttempts } from './delivery-schemas.ts';
import type { App, ServerDeps } from './deps.ts';
import { describeApi, docsRoutes } from './docs.ts';
import { drainOnClose } from './drain.ts';
import { answerClientError, createErrorHandler } from './error-handler.ts';
import { Event, EventWithDeliveries, eventRoutes } from './events.ts';
import { filterTestRoute } from './filter-test.ts';
import { healthRoutes } from './health.ts';
import { takeJson } from './json-body.ts';
import { metricsRoute } from './metrics.ts';
import { observeRequests } from './observe.ts';
import { Partner, partnerRoutes } from './partners.ts';
import { PolledEvents, pollingRoutes } from './polling.ts';
import { AcceptedEvent } from './publish.ts';
import { publishRoutes } from './publish-routes.ts';
import { Recovery, recoveryRoutes } from './recoveries.ts';
import { redriveRoutes } from './redrive.ts';
import { keepRouteTable } from './route-table.ts';
import { Problem } from './schemas.ts';
import { Secret, secretRoutes } from './secrets.ts';
import { statsRoutes } from './stats.ts';
import { AttemptNumbers, Stats } from './stats-schemas.ts';
import { subscriptionActionRoutes } from './subscription-actions.ts';
import { CreatedSubscription, Subscription } from './subscription-schemas.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { schemaErrorFormatter, validatorCompiler } from './validation.ts';

/** Bodies other than events are small; the publishing routes set their own limits. */
const BODY_LIMIT = 64 * 1024;

/** Longer than load balancers keep idle connections (60 s): the side that closes first must not be ours. */
const KEEP_ALIVE_MS = 72_000;

/** A request that takes longer than this to arrive is not a serious one. */
const REQUEST_TIMEOUT_MS = 30_000;

/** The schemas that have names. */
const SHARED = [
  Problem,
  AcceptedEvent,
  Partner,
  Subscription,
  CreatedSubscription,
  Secret,
  ApiKey,
  CreatedApiKey,
  Event,
  EventWithDeliveries,
  Attempt,
  Delivery,
  DeliveryWithAttempts,
  Recovery,
  PolledEvents,
  AttemptNumbers,
  Stats,
  DeadLetter,
  AuditEntry,
];

/** Builds the HTTP API. It does not listen: call `listen`, or `inject` in tests; `close` ends it. */
export function buildServer(deps: ServerDeps): FastifyInstance {
  const onError = createErrorHandler(deps.log);
  const app = fastify({
    logger: false, // a line for each request costs half as much as the request; errors are logged by the error handler
    bodyLimit: BODY_LIMIT,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    genReqId: requestIds(),
    clientErrorHandler: answerClientError,
    frameworkErrors: onError,
  }).withTypeProvider<TypeBoxTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSchemaErrorFormatter(schemaErrorFormatter as never);
  app.setErrorHandler(onError);
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id);
    done();
  });
  observeRequests(app, deps.observer);
  drainOnClose(app, deps.isStopping);
  keepRouteTable(app);
  takeJson(app);
  for (const schema of SHARED) app.addSchema(schema);
  describeApi(app, deps.version);
  app.register(async (scope: App) => docsRoutes(scope));
  app.register(async (scope: App) => healthRoutes(scope, deps));
  app.register(async (scope: App) => apiRoutes(scope, deps));
  return app;
}

function apiRoutes(app: App, deps: ServerDeps): void {
  guardRoutes(app, deps);
  publishRoutes(app, deps);
  partnerRoutes(app, deps);
  apiKeyRoutes(app, deps);
  deadLetterRoutes(app, deps);
  redriveRoutes(app, deps);
  auditRoutes(app, deps);
  metricsRoute(app, deps);
  app.register(async (scope: App) => {
    scope.addHook('preHandler', requirePartner(deps.partners));
    subscriptionRoutes(scope, deps);
    subscriptionActionRoutes(scope, deps);
    recoveryRoutes(scope, deps);
    filterTestRoute(scope, deps);
    pollingRoutes(scope, deps);
    secretRoutes(scope, deps);
    eventRoutes(scope, deps);
    deliveryRoutes(scope, deps);
    statsRoutes(scope, deps);
    partnerApiKeyRoutes(scope, deps);
    partnerAuditRoutes(scope, deps);
  });
}

/** Unique among processes by a random start, and cheap: a counter. */
function requestIds(): () => string {
  const process = randomBytes(6).toString('base64url');
  let count = 0;
  return () => `req_${process}${(++count).toString(36)}`;
}
