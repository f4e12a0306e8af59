import { hash, randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { newId, publicId } from '../domain/ids.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { type Action, writeAudit } from './audit.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import { lockPartner } from './partners.ts';

/** What a key may do: everything; publish events; its own partner's resources. */
export type Scope = 'admin' | 'publish' | 'partner';

/** What a request with the key is allowed; kept in memory by authentication. */
export interface KeyGrant {
  readonly id: string;
  readonly scope: Scope;
  /** `partner`: whose resources; `publish`: the only partner to publish for, or null for any. */
  readonly partnerId: string | null;
  readonly expiresAt: Date | null;
  readonly revokedAt: Date | null;
}

export interface ApiKey extends Omit<KeyGrant, 'revokedAt'> {
  readonly name: string;
  /** The last four characters. */
  readonly hint: string;
  readonly createdAt: Date;
  /** The minute of its last use. */
  readonly lastUsedAt: Date | null;
}

export type NewApiKey = Pick<ApiKey, 'name' | 'scope' | 'partnerId' | 'expiresAt'>;

export interface ApiKeys {
  /** `key` is shown here and never again: only its SHA-256 is kept. */
  create(key: NewApiKey, by: Actor): Promise<{ readonly record: ApiKey; readonly key: string } | 'unknown_partner'>;
  /** Those not revoked: all, or the `partner` keys of one partner. */
  list(partnerId: string | null, page: PageRequest): Promise<Page<ApiKey>>;
  /** False when there is none (of that partner, if one is named). Workers and servers hear of it at once. */
  revoke(id: string, partnerId: string | null, by: Actor): Promise<boolean>;
}

/** A new key: 256 random bits, recognisable by its prefix to people and to secret scanners. */
const newApiKey = (): string => `postrider_${randomBytes(32).toString('base64url')}`;

/** What is kept of a key: no salt and no stretching, because nobody can guess 256 random bits. Hex. */
export const hashApiKey = (key: string): string => hash('sha256', key, 'hex');

const SHOWN = {
  id: true,
  name: true,
  scope: true,
  partnerId: true,
  hint: true,
  createdAt: true,
  expiresAt: true,
  lastUsedAt: true,
} as const;

/** The API keys, on the typed client. */
export function createApiKeys(prisma: PrismaClient): ApiKeys {
  return {
    create: (given, by) =>
      prisma.$transaction(async (tx) => {
        if (given.partnerId !== null && !(await lockPartner(tx, given.partnerId))) return 'unknown_partner';
        const key = newApiKey();
        const data = { id: newId(), ...given, hash: Buffer.from(hashApiKey(key), 'hex'), hint: key.slice(-4) };
        const record = await tx.apiKey.create({ data, select: SHOWN });
        await audit(tx, by, 'api_key.created', record);
        return { record, key };
      }),
    async list(partnerId, { limit, before }) {
      const where = { revokedAt: null, ...ofPartner(partnerId), ...(before ? { id: { lt: before } } : {}) };
      const rows = await prisma.apiKey.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1, select: SHOWN });
      return toPage('apiKeys', rows, limit, ({ id }) => id);
    },
    revoke: (id, partnerId, by) =>
      prisma.$transaction(async (tx) => {
        const where = { id, revokedAt: null, ...ofPartner(partnerId) };
        const data = { revokedAt: new Date() };
        const [revoked] = await tx.apiKey.updateManyAndReturn({ where, data, select: SHOWN });
        if (revoked) await audit(tx, by, 'api_key.revoked', revoked);
        return revoked !== undefined;
      }),
  };
}

/** A partner’s trail tells of its own keys, not of the operator's that publish for it. */
async function audit(tx: Prisma.TransactionClient, by: Actor, action: Action, key: ApiKey): Promise<void> {
  const { id, name, scope, partnerId, expiresAt } = key;
  await writeAudit(tx, by, {
    action,
    partnerId: scope === 'partner' ? partnerId : null,
    subjectId: publicId('key', id),
    [action === 'api_key.created' ? 'after' : 'before']: { name, scope, partnerId, expiresAt },
  });
}

/** A partner does not see the operator's publish keys, even those bound to it. */
const ofPartner = (partnerId: string | null) => (partnerId === null ? {} : { partnerId, scope: 'partner' as const });

/** Looks a key up by the hex of its SHA-256; null when there is none. Expired and revoked keys are found, and say so. */
export type FindApiKey = (hashHex: string) => Promise<KeyGrant | null>;

interface GrantRow {
  id: string;
  scope: Scope;
  partner_id: string | null;
  expires_at: Date | null;
  revoked_at: Date | null;
}

/** Builds the look-up, on the pool: it stands before every request with a key not seen lately. */
export function createFindApiKey(pool: pg.Pool): FindApiKey {
  const text = 'SELECT id, scope, partner_id, expires_at, revoked_at FROM api_keys WHERE hash = $1';
  return async (hashHex) => {
    const values = [Buffer.from(hashHex, 'hex')];
    const { rows } = await pool.query<GrantRow>({ name: 'find_api_key', text, values });
    const [row] = rows;
    if (!row) return null;
    const { id, scope, partner_id, expires_at, revoked_at } = row;
    return { id, scope, partnerId: partner_id, expiresAt: expires_at, revokedAt: revoked_at };
  };
}

/**
 * Keeps when keys were last used (id → minute); one write per key and minute, however many processes say so. A row that somebody
 * has in hand is left out: another process writes the same, or the key is being revoked.
 */
export async function noteKeysUsed(pool: pg.Pool, uses: ReadonlyMap<string, Date>): Promise<void> {
  await pool.query({
    name: 'note_keys_used',
    text: `
      WITH later AS MATERIALIZED (
        SELECT k.id, u.minute FROM unnest($1::uuid[], $2::timestamptz[]) AS u (id, minute) JOIN api_keys k ON k.id = u.id
        WHERE k.last_used_at IS NULL OR k.last_used_at < u.minute
        FOR NO KEY UPDATE OF k SKIP LOCKED
      )
      UPDATE api_keys k SET last_used_at = later.minute FROM later WHERE k.id = later.id`,
    values: [[...uses.keys()], [...uses.values()]],
  });
}
