import type pg from 'pg';
import type { PrismaClient } from '../generated/prisma/client.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';
import { idBounds, type TimeRange } from './events.ts';
import { type Scan, scanFloor } from './scan.ts';

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

export interface AuditFilter extends TimeRange {
  readonly partnerId?: string | undefined;
  readonly action?: string | undefined;
}

export interface AuditReads {
  /** Newest first. */
  list(filter: AuditFilter, page: PageRequest): Promise<Page<StoredAudit>>;
}

/** Reads of the audit trail; every change writes it (`audit.ts`). Both arguments are the same database. */
export function createAuditReads(prisma: PrismaClient, pool: pg.Pool): AuditReads {
  return {
    async list(filter, { limit, before }) {
      const { partnerId, action } = filter;
      const bounds = idBounds(filter, before);
      const floor = action === undefined ? null : await floorFor(pool, partnerId, bounds);
      const where = {
        ...(partnerId === undefined ? {} : { partnerId }),
        ...(action === undefined ? {} : { action }),
        id: { gte: floor ?? bounds.from, lt: bounds.before },
      };
      const rows = await prisma.audit.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 });
      return toPage('audit', rows, limit, ({ id }) => id, floor);
    },
  };
}

/** Actions have no index, and the trail is kept for ever: a page looks at a stretch of it. */
function floorFor(pool: pg.Pool, partnerId: string | undefined, bounds: Pick<Scan, 'from' | 'before'>) {
  const whose =
    partnerId === undefined ? { where: 'true', values: [] } : { where: 'partner_id = $1', values: [partnerId] };
  return scanFloor(pool, { table: 'audit', ...whose, ...bounds });
}
