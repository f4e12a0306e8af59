import type { DeadLetterState } from '../domain/dead-letter.ts';
import type { Prisma, PrismaClient } from '../generated/prisma/client.ts';
import { type Page, type PageRequest, toPage } from './cursor.ts';

/** A message that never became an event. */
export interface DeadLetter {
  readonly id: string;
  readonly lane: string;
  readonly reason: string;
  /** What is wrong, in a sentence. */
  readonly detail: string;
  /** The message's text as it came. */
  readonly body: string;
  readonly attributes: unknown;
  /** As far as the message said. */
  readonly partnerId: string | null;
  readonly receiveCount: number;
  readonly firstSeenAt: Date;
  readonly lastSeenAt: Date;
  readonly state: DeadLetterState;
  /** When it was published again; null while it waits. */
  readonly redrivenAt: Date | null;
  /** A bulk redrive has it in line for then. */
  readonly redriveAt: Date | null;
}

export interface DeadLetterFilter {
  readonly state: DeadLetterState;
  readonly reason?: string | undefined;
  readonly lane?: string | undefined;
  readonly partnerId?: string | undefined;
  /** Seen at this time or later. */
  readonly since?: Date | undefined;
  /** Seen before this time. */
  readonly until?: Date | undefined;
}

export interface DeadLetterReads {
  /** Newest first. */
  list(filter: DeadLetterFilter, page: PageRequest): Promise<Page<DeadLetter>>;
  find(id: string): Promise<DeadLetter | null>;
}

/** Reads of the dead letters; the worker writes them. */
export function createDeadLetterReads(prisma: PrismaClient): DeadLetterReads {
  return {
    async list({ since, until, ...equal }, { limit, before }) {
      const where = {
        ...present(equal),
        lastSeenAt: present({ gte: since, lt: until }),
        ...(before && olderThan(before)),
      };
      const rows = await prisma.deadLetter.findMany({ where, orderBy: { id: 'desc' }, take: limit + 1 });
      return toPage('deadLetters', rows.map(toDeadLetter), limit, ({ id }) => id);
    },
    async find(id) {
      const row = await prisma.deadLetter.findUnique({ where: { id } });
      return row && toDeadLetter(row);
    },
  };
}

const olderThan = (id: string) => ({ id: { lt: id } });

/** What is asked for, without what is not. */
const present = <T extends object>(filter: T) =>
  Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== undefined));

/** The database checks the state. */
const toDeadLetter = (row: Prisma.DeadLetterGetPayload<object>): DeadLetter => ({
  ...row,
  state: row.state as DeadLetterState,
});
