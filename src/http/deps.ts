import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import type { Actor } from '../domain/actor.ts';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { Accept } from '../pipeline/accept.ts';
import type { Redriven } from '../pipeline/redrive.ts';
import type { ApiKeys } from '../store/api-keys.ts';
import type { AuditReads } from '../store/audit-reads.ts';
import type { DeadLetterReads } from '../store/dead-letters.ts';
import type { DeliveryReads } from '../store/deliveries.ts';
import type { EventReads } from '../store/events.ts';
import type { Feed } from '../store/feed.ts';
import type { Partners } from '../store/partners.ts';
import type { Recoveries } from '../store/recoveries.ts';
import type { LetterSelection } from '../store/redrive.ts';
import type { OwnedId, Secrets } from '../store/secrets.ts';
import type { TestSent } from '../store/send-test.ts';
import type { StatsReads } from '../store/stats.ts';
import type { Subscriptions } from '../store/subscriptions.ts';
import type { Authentication } from './authentication.ts';
import type { RequestObserver } from './observe.ts';

/** The server that the routes are added to: schemas are types. */
export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** One service that the server leans on. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What is wrong, in a sentence. */
  readonly detail?: string;
}

/** As much of a log as the server uses: pino's has it. */
export interface ErrorLog {
  error(fields: object, event: string): void;
}

/** What a person asked to happen to a delivery, and what came of it. */
export type Redeliver = (
  deliveryId: string,
  by: Actor,
) => Promise<'pending' | 'in_progress' | 'subscription_disabled' | 'subscription_deleted' | 'not_found'>;
export type Cancel = (deliveryId: string, by: Actor) => Promise<'canceled' | 'not_pending' | 'not_found'>;

/** Why a URL cannot be a subscription's. */
export interface TargetUrlFault {
  readonly code: string;
  readonly message: string;
}

/** Everything the HTTP server needs. */
export interface ServerDeps {
  /** Postrider's version, shown in the API's description. */
  readonly version: string;
  readonly log: ErrorLog;
  readonly authentication: Authentication;
  /** For each API key, in this process; null: none. */
  readonly rateLimit: RateLimit | null;
  /** A request came with this key. */
  noteKeyUse(keyId: string): void;
  readonly accept: Accept;
  /** The lanes that events may ask for; `live` is among them and the default. */
  readonly lanes: readonly string[];
  readonly redeliver: Redeliver;
  readonly cancel: Cancel;
  sendTest(subscription: OwnedId, by: Actor): Promise<TestSent | 'not_found' | 'subscription_disabled'>;
  /** Gives how many it canceled. */
  cancelPending(subscriptionId: string, by: Actor): Promise<number>;
  checkTargetUrl(url: string): TargetUrlFault | null;
  /** The process is about to end: not ready any more, though requests are still answered. */
  isStopping(): boolean;
  /** Asks each service whether it can be used right now; does not reject. */
  readiness(): Promise<readonly Check[]>;
  readonly partners: Partners;
  readonly subscriptions: Subscriptions;
  readonly secrets: Secrets;
  readonly apiKeys: ApiKeys;
  readonly events: EventReads;
  readonly deliveries: DeliveryReads;
  readonly recoveries: Recoveries;
  readonly feed: Feed;
  readonly stats: StatsReads;
  readonly deadLetters: DeadLetterReads;
  redriveDeadLetter(id: string, by: Actor): Promise<Redriven>;
  /** In the background; answers how many are in line by it. */
  redriveDeadLetters(selection: LetterSelection, by: Actor): Promise<number>;
  /** False when there is no such letter. */
  discardDeadLetter(id: string, by: Actor): Promise<boolean>;
  readonly audit: AuditReads;
  readonly observer: RequestObserver;
  /** This process' metrics, as text. */
  metrics(): Promise<{ readonly contentType: string; readonly body: string }>;
}
