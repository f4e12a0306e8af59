import { PrismaPg } from '@prisma/adapter-pg';
import type pg from 'pg';
import { PrismaClient } from '../generated/prisma/client.ts';

/** The typed client, on the connections of the pool. Closing the pool is the owner's; the client opens nothing of its own. */
export const createPrisma = (pool: pg.Pool): PrismaClient => new PrismaClient({ adapter: new PrismaPg(pool) });

/** SQLSTATE classes and codes that say "not now" rather than "wrong": connection trouble, too many connections, shutdown. */
const AWAY_SQLSTATE = /^(08...|53300|57P0[1-5])$/;

/** What Node, pg's pool and Prisma say when they cannot reach the server. */
const AWAY_CODE =
  /^(ECONNREFUSED|ECONNRESET|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|EHOSTUNREACH|P1001|P1002|P1008|P1017|P2024)$/;
const AWAY_MESSAGE = /Connection terminated|timeout exceeded when trying to connect|Can't reach database server/;

/** True when the error says that Postgres cannot be reached at the moment, so that asking again later makes sense. */
export function isDatabaseAway(error: unknown, depth = 0): boolean {
  if (!(error instanceof Error) || depth > 4) return false;
  const code = 'code' in error ? String(error.code) : '';
  if (AWAY_SQLSTATE.test(code) || AWAY_CODE.test(code) || AWAY_MESSAGE.test(error.message)) return true;
  const inner = error instanceof AggregateError ? error.errors[0] : error.cause;
  return isDatabaseAway(inner, depth + 1);
}
