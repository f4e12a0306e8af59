import Type, { type Static } from 'typebox';
import { publicId } from '../domain/ids.ts';
import { MISSED_STATES, type MissedState } from '../domain/recovery.ts';
import type { RecoveryRequest, StoredRecovery } from '../store/recoveries.ts';
import { actorOf } from './actor.ts';
import type { App, ServerDeps } from './deps.ts';
import { conflict, notFound, validationFailed } from './problem.ts';
import {
  iso,
  isoOrNull,
  Nothing,
  nullable,
  PartnerIdText,
  PublicId,
  pageOf,
  pageQuery,
  pageRequest,
  problems,
  ref,
  requireId,
  showPage,
  Time,
} from './schemas.ts';
import { noSubscription, ownedId, SubscriptionPath } from './subscriptions.ts';

const Count = (description: string) => Type.Integer({ description, examples: [1042] });

/** A recovery and how far it has come. */
export const Recovery = Type.Object(
  {
    id: PublicId('rcv', 'recovery'),
    partnerId: PartnerIdText,
    subscriptionId: PublicId('sub', 'subscription'),
    since: Time('Events accepted at this time or later'),
    until: Time('Events accepted before this time'),
    states: Type.Array(Type.Enum([...MISSED_STATES])),
    state: Type.Enum(['running', 'succeeded', 'canceled'], {
      description: '`succeeded`: all that was missed has been made pending or has been delivered by now',
    }),
    total: nullable(Count('Deliveries and events to look at, an estimate; null until they are counted')),
    scanned: Count('Those looked at so far'),
    remaining: nullable(Count('Those still to look at, an estimate; null until they are counted')),
    redelivered: Count('Deliveries it has made pending so far'),
    createdAt: Time('When it was asked for'),
    finishedAt: nullable(Time('When it ended')),
  },
  { $id: 'Recovery', description: 'Bulk redelivery of what a subscription missed in a time range' },
);

const NewRecovery = Type.Object(
  {
    since: Time('Events accepted at this time or later'),
    until: Type.Optional(Time('Events accepted before this time; left out: now')),
    states: Type.Optional(
      Type.Array(Type.Enum([...MISSED_STATES, 'all']), {
        minItems: 1,
        maxItems: 10,
        default: ['exhausted'],
        description:
          'Deliveries in which states; `skipped`: events that the subscription wants and that never became a delivery, because it was disabled or not there yet; `all` of these, what succeeded included',
      }),
    ),
  },
  { additionalProperties: false },
);

const tags = ['Deliveries'];
const COLLECTION = '/v1/partners/:partnerId/subscriptions/:subscriptionId/recoveries';
const ONE = `${COLLECTION}/:recoveryId`;
const RecoveryPath = Type.Object({ ...SubscriptionPath.properties, recoveryId: PublicId('rcv', 'recovery') });

type Deps = Pick<ServerDeps, 'recoveries' | 'subscriptions'>;

/** /v1/partners/{p}/subscriptions/{s}/recoveries. */
export function recoveryRoutes(app: App, deps: Deps): void {
  createRoute(app, deps);
  readRoutes(app, deps);
  cancelRoute(app, deps);
}

function createRoute(app: App, { recoveries }: Deps): void {
  app.post(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'createRecovery',
      summary: 'Recover what a subscription missed',
      description:
        'Runs in the background, however much it is, and keeps at most 1,000 of the subscription’s deliveries due at once. One at a time for a subscription.',
      params: SubscriptionPath,
      body: NewRecovery,
      response: { 202: ref(Recovery), ...problems(400, 403, 404, 409, 415, 422) },
    },
    handler: async (request, reply) => {
      const { params, body } = request;
      const made = await recoveries.create(ownedId(params), readRequest(body), actorOf(request));
      if (made === 'not_found') throw noSubscription(params);
      if (made === 'subscription_disabled') throw conflict(made, 'the subscription is disabled: enable it first');
      if (made === 'recovery_running') throw conflict(made, 'a recovery is running already: wait for it, or cancel it');
      const shown = showRecovery(made);
      const path = `/v1/partners/${params.partnerId}/subscriptions/${params.subscriptionId}/recoveries/${shown.id}`;
      return reply.code(202).header('location', path).send(shown);
    },
  });
}

function readRoutes(app: App, { recoveries, subscriptions }: Deps): void {
  app.get(COLLECTION, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'listRecoveries',
      summary: 'List a subscription’s recoveries',
      params: SubscriptionPath,
      querystring: Type.Object(pageQuery, { additionalProperties: false }),
      response: { 200: pageOf(Recovery, 'Newest first'), ...problems(400, 403, 404, 422) },
    },
    handler: async ({ params, query }) => {
      const owned = ownedId(params);
      if (!(await subscriptions.find(owned))) throw noSubscription(params);
      return showPage(await recoveries.list(owned, pageRequest('recoveries', query)), showRecovery);
    },
  });

  app.get(ONE, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'getRecovery',
      summary: 'Get a recovery and its progress',
      params: RecoveryPath,
      response: { 200: ref(Recovery), ...problems(403, 404) },
    },
    handler: async ({ params }) => {
      const found = await recoveries.find(ownedId(params), recoveryId(params));
      if (!found) throw noRecovery(params);
      return showRecovery(found);
    },
  });
}

function cancelRoute(app: App, { recoveries }: Deps): void {
  app.delete(ONE, {
    config: { access: 'partner' },
    schema: {
      tags,
      operationId: 'cancelRecovery',
      summary: 'Cancel a recovery',
      description: 'It makes nothing pending any more; what it has made pending stays so.',
      params: RecoveryPath,
      response: { 204: Nothing, ...problems(403, 404, 409) },
    },
    handler: async (request, reply) => {
      const { params } = request;
      const outcome = await recoveries.cancel(ownedId(params), recoveryId(params), actorOf(request));
      if (outcome === 'not_found') throw noRecovery(params);
      if (outcome === 'not_running') throw conflict(outcome, 'the recovery has ended already');
      return reply.code(204).send(null);
    },
  });
}

function readRequest({ since, until, states = ['exhausted'] }: Static<typeof NewRecovery>): RecoveryRequest {
  const now = new Date();
  const asked = until === undefined ? now : new Date(until);
  const range = { since: new Date(since), until: asked < now ? asked : now };
  if (range.since >= range.until) {
    throw validationFailed([{ path: '/since', message: 'must be before `until`, and in the past' }]);
  }
  const all = states.includes('all') ? MISSED_STATES : MISSED_STATES.filter((state) => states.includes(state));
  return { ...range, states: all };
}

type Path = Static<typeof RecoveryPath>;

const recoveryId = (path: Path): string => requireId('rcv', 'recovery', path.recoveryId);
const noRecovery = (path: Path) => notFound(`recovery ${path.recoveryId}`);

const showRecovery = (row: StoredRecovery): Static<typeof Recovery> => ({
  id: publicId('rcv', row.id),
  partnerId: row.partnerId,
  subscriptionId: publicId('sub', row.subscriptionId),
  since: iso(row.since),
  until: iso(row.until),
  states: [...row.states] as MissedState[],
  state: row.state,
  total: row.total,
  scanned: row.scanned,
  remaining: row.total === null ? null : row.state === 'running' ? Math.max(0, row.total - row.scanned) : 0,
  redelivered: row.redelivered,
  createdAt: iso(row.createdAt),
  finishedAt: isoOrNull(row.finishedAt),
});
