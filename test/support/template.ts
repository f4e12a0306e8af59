import pg from 'pg';
import { migrate } from '../../src/store/migrate.ts';

/** The migrated database that every test file's is cloned from. */
export const TEMPLATE = 'postrider_template';

/** Makes the template on a fresh server. */
export async function makeTemplate(serverUrl: string): Promise<void> {
  await runSql(serverUrl, `CREATE DATABASE ${TEMPLATE}`);
  await migrate(databaseUrl(serverUrl, TEMPLATE));
}

/** The URL of another database on the same server. */
export function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** Runs one statement on a connection of its own. */
export async function runSql<Row extends pg.QueryResultRow>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => {}); // a server that is killed under a test; the query rejects anyway
  await client.connect();
  const { rows } = await client.query<Row>(sql).finally(() => client.end());
  return rows;
}
