import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { databaseUrl, runSql, TEMPLATE } from './template.ts';

/** A database of its own for one test file. */
export interface TestDatabase {
  readonly url: string;
  /** Removes it, ending whatever connections are still open after half a second. */
  drop(): Promise<void>;
}

/**
 * A fresh, migrated database, cloned from the template (tens of milliseconds), on the Postgres of this run. With
 * `{ empty: true }`, one without any table.
 */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const serverUrl = inject('postgresUrl');
  const name = `test_${randomBytes(6).toString('hex')}`;
  // "wal_log" spares the two checkpoints that copying the files would take.
  const template = options.empty ? 'template0' : TEMPLATE;
  await runSql(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY wal_log`);
  return { url: databaseUrl(serverUrl, name), drop: () => drop(serverUrl, name) };
}

/**
 * Gives connections half a second to close. `pool.end()` resolves before the server knows, and a connection that is
 * terminated while it closes raises an error that no listener is left for.
 */
async function drop(serverUrl: string, name: string): Promise<void> {
  const deadline = performance.now() + 500;
  const open = `SELECT 1 FROM pg_stat_activity WHERE datname = '${name}' AND backend_type = 'client backend' LIMIT 1`;
  while (performance.now() < deadline && (await runSql(serverUrl, open)).length > 0) await delay(10);
  await runSql(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
}
