import { uuidFloor } from '../domain/ids.ts';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';

/** One action, as it is on record. */
export interface StoredAudit {
  readonly id: string;
  readonly at: Date;
  readonly actor: string;
  readonly action: string;
  readonly partnerId: string | null;
  readonly subjectType: string;
  readonly subjectId: string;
  readonly before: unknown;
  readonly after: unknown;
  readonly requestId: string | null;
}

export interface AuditFilter {
  readonly partnerId?: string | undefined;
  readonly action?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface AuditReads {
  /** Newest first. */
  list(filter: AuditFilter, page: PageRequest): Promise<Page<StoredAudit>>;
}

/** Reads of the audit trail; every change writes it (`audit.ts`). */
export function createAuditReads(prisma: PrismaClient): AuditReads {
  return {
    async list({ partnerId, action, since, until }, { limit, before }) {
      const where = {
        ...(partnerId === undefined ? {} : { partnerId }),
        ...(action === undefined ? {} : { action }),
        AND: [
          ...(since ? [{ id: { gte: uuidFloor(since) } }] : []),
          ...(until ? [{ id: { lt: uuidFloor(until) } }] : []),
          ...(before ? [{ id: { lt: before } }] : []),
        ],
      };
      const rows = await prisma.audit.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 });
      return toPage('audit', rows, limit, ({ id }) => id);
    },
  };
}
