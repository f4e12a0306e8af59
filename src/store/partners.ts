import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { writeAudit } from './audit.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';

/** Any JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

export interface Partner {
  readonly id: string;
  readonly name: string;
  readonly metadata: JsonObject;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type NewPartner = Pick<Partner, 'id' | 'name' | 'metadata'>;

export interface Partners {
  /** `taken`: there is such a partner; `reserved`: there was one, and its id stays with its records. */
  create(partner: NewPartner, by: Actor): Promise<Partner | 'taken' | 'reserved'>;
  find(id: string): Promise<Partner | null>;
  list(page: PageRequest): Promise<Page<Partner>>;
  update(id: string, change: PartnerChange, by: Actor): Promise<Partner | null>;
  /** Deletes the partner and its subscriptions, and revokes its keys, in one transaction. False when there is none. */
  remove(id: string, by: Actor): Promise<boolean>;
}

export type PartnerChange = Partial<Pick<Partner, 'name' | 'metadata'>>;

const SHOWN = { id: true, name: true, metadata: true, createdAt: true, updatedAt: true } as const;

/** The partners, on the typed client. */
export function createPartners(prisma: PrismaClient): Partners {
  return {
    create: (partner, by) => prisma.$transaction((tx) => create(tx, partner, by)),
    async find(id) {
      const row = await prisma.partner.findFirst({ where: { id, deletedAt: null }, select: SHOWN });
      return row && toPartner(row);
    },
    list: (page) => list(prisma, page),
    update: (id, change, by) => prisma.$transaction((tx) => update(tx, id, change, by)),
    remove: (id, by) => prisma.$transaction((tx) => remove(tx, id, by)),
  };
}

/**
 * Locks a partner against other changes to it and its subscriptions, and says whether there is one. Every change takes this
 * lock first: the trigger that raises the version takes it later anyway, and one order means no deadlock.
 */
export async function lockPartner(tx: Prisma.TransactionClient, id: string): Promise<boolean> {
  const rows = await tx.$queryRaw<unknown[]>`
    SELECT 1 FROM "partners" WHERE "id" = ${id} AND "deleted_at" IS NULL FOR NO KEY UPDATE`;
  return rows.length > 0;
}

/** A JSON object as the typed client wants it. */
export const toJson = (value: JsonObject): Prisma.InputJsonObject => value as Prisma.InputJsonObject;

async function create(tx: Prisma.TransactionClient, { id, name, metadata }: NewPartner, by: Actor) {
  const data = [{ id, name, metadata: toJson(metadata) }];
  const [row] = await tx.partner.createManyAndReturn({ data, skipDuplicates: true, select: SHOWN });
  if (row) {
    await writeAudit(tx, by, { action: 'partner.created', partnerId: id, subjectId: id, after: { name, metadata } });
    return toPartner(row);
  }
  const holder = await tx.partner.findUnique({ where: { id }, select: { deletedAt: true } });
  return holder?.deletedAt ? 'reserved' : 'taken';
}

async function update(tx: Prisma.TransactionClient, id: string, { name, metadata }: PartnerChange, by: Actor) {
  if (!(await lockPartner(tx, id))) return null;
  const select = { name: true, metadata: true } as const;
  const before = await tx.partner.findUniqueOrThrow({ where: { id }, select });
  const data = { ...(name === undefined ? {} : { name }), ...(metadata ? { metadata: toJson(metadata) } : {}) };
  const after = toPartner(await tx.partner.update({ where: { id }, data, select: SHOWN }));
  const changed = { name: after.name, metadata: after.metadata };
  await writeAudit(tx, by, { action: 'partner.updated', partnerId: id, subjectId: id, before, after: changed });
  return after;
}

async function list(prisma: PrismaClient, { limit, before }: PageRequest): Promise<Page<Partner>> {
  const [createdAt, id] = before?.split(' ') ?? [];
  const older = createdAt && id ? { OR: [{ createdAt: { lt: createdAt } }, { createdAt, id: { lt: id } }] } : {};
  const rows = await prisma.partner.findMany({
    where: { deletedAt: null, ...older },
    orderBy: [{ createdAt: 'desc' }, { id: 'desc' }],
    take: limit + 1,
    select: SHOWN,
  });
  return toPage('partners', rows.map(toPartner), limit, (each) => `${each.createdAt.toISOString()} ${each.id}`);
}

async function remove(tx: Prisma.TransactionClient, id: string, by: Actor): Promise<boolean> {
  if (!(await lockPartner(tx, id))) return false;
  const now = new Date();
  const { name, metadata } = await tx.partner.update({ where: { id }, data: { deletedAt: now }, select: SHOWN });
  const theirs = { partnerId: id, deletedAt: null };
  const data = { deletedAt: now };
  const subscriptions = await tx.subscription.updateManyAndReturn({ where: theirs, data, select: { id: true } });
  const apiKeys = await tx.apiKey.updateManyAndReturn({
    where: { partnerId: id, revokedAt: null },
    data: { revokedAt: now },
    select: { id: true },
  });
  const before = {
    name,
    metadata,
    subscriptionIds: subscriptions.map((each) => publicId('sub', each.id)),
    apiKeyIds: apiKeys.map((each) => publicId('key', each.id)),
  };
  await writeAudit(tx, by, { action: 'partner.deleted', partnerId: id, subjectId: id, before });
  return true;
}

const toPartner = (row: Omit<Partner, 'metadata'> & { metadata: unknown }): Partner => ({
  ...row,
  metadata: row.metadata as JsonObject,
});
