import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';

/** The typed client, on the connections of the pool. Closing the pool is the owner's; the client opens nothing of its own. */
export const createPrisma = (pool: pg.Pool): PrismaClient => new PrismaClient({ adapter: new PrismaPg(pool) });

/**
 * SQLSTATE classes and codes that say "not now" rather than "wrong": connection trouble, too many connections, shutdown, and a
 * statement that took too long (57014: a lock that somebody holds, a server at its limits).
 */
const AWAY_SQLSTATE = /^(08...|53300|57014|57P0[1-5])$/;

/** What Node and Prisma say when they cannot reach the server, or get no connection or no answer in time. */
const AWAY_CODE =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|P1001|P1002|P1008|P1017|P2024|P2028|P2037)$/;

/** What pg and its pool say, who have no codes. */
const AWAY_MESSAGE =
  /Connection terminated|timeout exceeded when trying to connect|Can't reach database server|Query read timeout|is not queryable/;

/** True when the error says that Postgres cannot be reached or asked at the moment, so that asking again later makes sense. */
export function isDatabaseAway(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false;
  const codes = ['code' in error ? String(error.code) : '', wrappedSqlState(error)];
  if (codes.some((code) => AWAY_SQLSTATE.test(code) || AWAY_CODE.test(code))) return true;
  if (AWAY_MESSAGE.test(error.message)) return true;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return isDatabaseAway(inner, depth + 1);
}

/** Prisma's own code says no more than "the database has an error" (P2010, P2039); which one is in the adapter's. */
function wrappedSqlState(error: Error): string {
  const { meta } = error as { meta?: { driverAdapterError?: { cause?: { originalCode?: unknown } } } };
  return String(meta?.driverAdapterError?.cause?.originalCode ?? '');
}
