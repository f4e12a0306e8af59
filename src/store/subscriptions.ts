import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import type { Health } from '../domain/breaker.ts';
import { compileFilter, type Filter } from '../domain/filter.ts';
import { newId, publicId } from '../domain/ids.ts';
import type { SecretAlgorithm, Subscription } from '../domain/subscription.ts';
import { Prisma, type PrismaClient } from '../generated/prisma/client.ts';
import { type Action, redacted, writeAudit } from './audit.ts';
import type { Cipher } from './cipher.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import { type JsonObject, lockPartner, toJson } from './partners.ts';
import { addSecret, type OwnedId, type SecretValue } from './secrets.ts';

type Headers = Readonly<Record<string, string>>;

/** What a partner decides about a subscription. */
export interface SubscriptionSettings {
  /** Null: its events are polled. */
  readonly url: string | null;
  readonly eventTypes: readonly string[];
  readonly description: string | null;
  /** Sent with every attempt; encrypted at rest, because they may be credentials. */
  readonly headers: Headers;
  /** Null: the service's default. */
  readonly timeoutSeconds: number | null;
  readonly enabled: boolean;
  readonly ordered: boolean;
  /** As it was given, and found valid; null: every event of its types. */
  readonly filter: JsonObject | null;
  /** Requests per second; null: no limit. */
  readonly rateLimit: number | null;
  readonly metadata: JsonObject;
}

export interface StoredSubscription extends SubscriptionSettings {
  readonly id: string;
  readonly partnerId: string;
  /** Why Postrider disabled it; null when it is enabled, or a person disabled it. */
  readonly disabledReason: string | null;
  /** Null: well. */
  readonly health: Pick<Health, 'breaker' | 'since' | 'notBefore' | 'failingSince'> | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** What to change about a subscription as it is. */
export type Decide = (before: StoredSubscription) => Partial<SubscriptionSettings>;

export interface Subscriptions {
  /** With its first secret, in one transaction; null when there is no such partner. */
  create(
    partnerId: string,
    settings: SubscriptionSettings,
    secret: SecretValue,
    by: Actor,
  ): Promise<StoredSubscription | null>;
  find(subscription: OwnedId): Promise<StoredSubscription | null>;
  list(partnerId: string, page: PageRequest): Promise<Page<StoredSubscription>>;
  /**
   * Changes what `decide` answers, which sees what is stored, under the lock; what it throws undoes all. Enabling clears
   * `disabledReason`. Null when the partner has no such subscription.
   */
  update(subscription: OwnedId, decide: Decide, by: Actor): Promise<StoredSubscription | null>;
  /** Its deliveries stay on record. False when the partner has no such subscription. */
  remove(subscription: OwnedId, by: Actor): Promise<boolean>;
}

/** The subscriptions, on the typed client. */
export function createSubscriptions(prisma: PrismaClient, cipher: Cipher): Subscriptions {
  const present = (row: Row | null | undefined) => (row ? toSubscription(row, cipher) : null);
  return {
    create: (partnerId, settings, secret, by) =>
      prisma.$transaction(async (tx) => {
        if (!(await lockPartner(tx, partnerId))) return null;
        const id = newId();
        const { url, eventTypes, metadata, ...rest } = settings;
        const required = { id, partnerId, url, eventTypes: [...eventTypes], metadata: toJson(metadata) };
        const row = await tx.subscription.create({ data: { ...required, ...columns(rest, id, cipher) } });
        const { algorithm, id: secretId } = await addSecret(tx, cipher, id, secret);
        const after = toSubscription(row, cipher);
        const shown = { ...snapshot(after), secret: { id: publicId('sec', secretId), algorithm } };
        await writeAudit(tx, by, entry('subscription.created', after, { after: shown }));
        return after;
      }),
    find: async ({ id, partnerId }) =>
      present(await prisma.subscription.findFirst({ where: { id, partnerId, deletedAt: null }, include })),
    async list(partnerId, { limit, before }) {
      const where = { partnerId, deletedAt: null, ...(before ? { id: { lt: before } } : {}) };
      const rows = await prisma.subscription.findMany({ where, include, orderBy: { id: 'desc' }, take: limit + 1 });
      return toPage(
        'subscriptions',
        rows.map((row) => toSubscription(row, cipher)),
        limit,
        ({ id }) => id,
      );
    },
    update: (owned, decide, by) =>
      changeOwned(prisma, owned, async (tx, row) => {
        const before = toSubscription(row, cipher);
        const data = columns(decide(before), row.id, cipher);
        await tx.subscription.update({ where: { id: row.id }, data });
        // Read after the triggers: a new URL makes its health begin anew.
        const changed = await tx.subscription.findUniqueOrThrow({ where: { id: row.id }, include });
        const after = toSubscription(changed, cipher);
        const shown = { before: snapshot(before), after: snapshot(after, before) };
        await writeAudit(tx, by, entry('subscription.updated', after, shown));
        return after;
      }),
    async remove(owned, by) {
      const removed = await changeOwned(prisma, owned, async (tx, row) => {
        await tx.subscription.update({ where: { id: row.id }, data: { deletedAt: new Date() } });
        const before = toSubscription(row, cipher);
        await writeAudit(tx, by, entry('subscription.deleted', before, { before: snapshot(before) }));
        return true;
      });
      return removed !== null;
    },
  };
}

/** A subscription as the workers keep it: with what signs its attempts. */
export interface LoadedSubscription extends Subscription {
  /** False: its secrets or headers were encrypted with a key that this process does not have. */
  readonly readable: boolean;
  /** Newest first; those that have expired when they were loaded are left out. */
  readonly secrets: readonly LoadedSecret[];
}

export interface LoadedSecret extends SecretValue {
  /** To be left out of signatures from then on; null: never. */
  readonly expiresAt: Date | null;
}

export interface LoadedSubscriptions {
  /** The version these subscriptions are of: the persist step answers with the current one. */
  readonly version: bigint;
  /** Deleted ones left out, disabled ones included. */
  readonly subscriptions: readonly LoadedSubscription[];
}

/** Everything the workers match and sign with for a partner, or null when there is no such partner. */
export type LoadSubscriptions = (partnerId: string, wait?: Wait) => Promise<LoadedSubscriptions | null>;

/** Repeats a call to Postgres for as long as its caller likes. */
export type Wait = <T>(call: () => Promise<T>) => Promise<T>;

/** One statement, hence one snapshot: the version and the rows belong together. */
const LOAD = `
  SELECT p.subscriptions_version::text AS version, s.id, s.url, s.event_types, s.enabled, s.ordered, s.filter, s.rate_limit, s.headers,
    s.timeout_seconds, k.secrets
  FROM partners p
  LEFT JOIN subscriptions s ON s.partner_id = p.id AND s.deleted_at IS NULL
  LEFT JOIN LATERAL (
    SELECT json_agg(json_build_object('id', id, 'algorithm', algorithm, 'ciphertext', encode(ciphertext, 'hex'),
      'expiresAtMs', floor(extract(epoch FROM expires_at) * 1000)) ORDER BY id DESC) AS secrets
    FROM secrets WHERE subscription_id = s.id AND (expires_at IS NULL OR expires_at > now())
  ) k ON true
  WHERE p.id = $1 AND p.deleted_at IS NULL
  ORDER BY s.id`;

interface LoadedRow {
  version: string;
  id: string | null;
  url: string | null;
  event_types: string[];
  enabled: boolean;
  ordered: boolean;
  filter: JsonObject | null;
  rate_limit: number | null;
  headers: Buffer | null;
  timeout_seconds: number | null;
  secrets: { id: string; algorithm: SecretAlgorithm; ciphertext: string; expiresAtMs: number | null }[] | null;
}

/** Builds the loader, on the pool: it stands in the hot path of a cold cache. */
export function createLoadSubscriptions(pool: pg.Pool, cipher: Cipher): LoadSubscriptions {
  return async (partnerId, wait = (call) => call()) => {
    const asked = { name: 'load_subscriptions', text: LOAD, values: [partnerId] };
    const { rows } = await wait(() => pool.query<LoadedRow>(asked));
    const [first] = rows;
    if (!first) return null;
    const real = rows.filter((row): row is LoadedRow & { id: string } => row.id !== null);
    return { version: BigInt(first.version), subscriptions: real.map((row) => toLoaded(partnerId, row, cipher)) };
  };
}

function toLoaded(partnerId: string, row: LoadedRow & { id: string }, cipher: Cipher): LoadedSubscription {
  return {
    id: row.id,
    partnerId,
    url: row.url,
    eventTypes: row.event_types,
    enabled: row.enabled,
    ordered: row.ordered,
    filter: row.filter && usableFilter(row.filter),
    rateLimit: row.rate_limit,
    timeoutMs: row.timeout_seconds === null ? null : row.timeout_seconds * 1000,
    ...opened(row, cipher),
  };
}

/** One subscription that cannot be read is no reason to stop at the others of its partner. */
function opened(row: LoadedRow & { id: string }, cipher: Cipher) {
  try {
    const secrets = (row.secrets ?? []).map(({ id, algorithm, ciphertext, expiresAtMs }) => ({
      algorithm,
      bytes: cipher.decrypt(Buffer.from(ciphertext, 'hex'), id),
      expiresAt: expiresAtMs === null ? null : new Date(expiresAtMs),
    }));
    return { readable: true, headers: openHeaders(row.headers, row.id, cipher), secrets };
  } catch {
    return { readable: false, headers: {}, secrets: [] };
  }
}

/** The API takes no filter that does not compile; one that a newer version took is no reason to lose events. */
function usableFilter(policy: JsonObject): Filter | null {
  const compiled = compileFilter(policy);
  return compiled.ok ? compiled.filter : null;
}

const include = { health: true } as const;

type Row = Prisma.SubscriptionGetPayload<object> & Partial<Prisma.SubscriptionGetPayload<{ include: typeof include }>>;

/** Runs a change of a partner's subscription in a transaction that has the partner locked; null when there is none. */
async function changeOwned<T>(
  prisma: PrismaClient,
  { id, partnerId }: OwnedId,
  change: (tx: Prisma.TransactionClient, before: Row) => Promise<T>,
): Promise<T | null> {
  return prisma.$transaction(async (tx) => {
    if (!(await lockPartner(tx, partnerId))) return null;
    const before = await tx.subscription.findFirst({ where: { id, partnerId, deletedAt: null } });
    return before && change(tx, before);
  });
}

/** A subscription for the audit trail: what somebody decided about it. */
function snapshot(subscription: StoredSubscription, before?: StoredSubscription): object {
  const { id: _i, partnerId: _p, createdAt: _c, updatedAt: _u, health: _h, headers, ...settings } = subscription;
  return { ...settings, headers: redacted(headers, before?.headers) };
}

const entry = (action: Action, { id, partnerId }: OwnedId, states: { before?: object; after?: object }) => ({
  action,
  partnerId,
  subjectId: publicId('sub', id),
  ...states,
});

/** The columns that a change sets: those it names. */
function columns(change: Partial<SubscriptionSettings>, id: string, cipher: Cipher) {
  const { eventTypes, headers, filter, metadata, ...plain } = change;
  return {
    ...plain,
    ...(eventTypes ? { eventTypes: [...eventTypes] } : {}),
    ...(headers ? { headers: sealHeaders(headers, id, cipher) } : {}),
    ...(filter === undefined ? {} : { filter: filter === null ? Prisma.DbNull : toJson(filter) }),
    ...(metadata ? { metadata: toJson(metadata) } : {}),
    ...(change.enabled === undefined ? {} : { disabledReason: null }),
  };
}

const sealHeaders = (headers: Headers, id: string, cipher: Cipher): Buffer<ArrayBuffer> | null =>
  Object.keys(headers).length === 0 ? null : cipher.encrypt(Buffer.from(JSON.stringify(headers)), id);

const openHeaders = (sealed: Uint8Array | null, id: string, cipher: Cipher): Headers =>
  sealed ? JSON.parse(cipher.decrypt(sealed, id).toString()) : {};

function toSubscription(row: Row, cipher: Cipher): StoredSubscription {
  const { deletedAt: _, headers, filter, metadata, ...rest } = row;
  return {
    ...rest,
    health: row.health ?? null,
    headers: openHeaders(headers, row.id, cipher),
    filter: filter as JsonObject | null,
    metadata: metadata as JsonObject,
  };
}
