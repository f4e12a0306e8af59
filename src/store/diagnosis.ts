import type pg from 'pg';

/** What Postgres says of itself. */
export interface ServerFacts {
  /** E.g. 170002. */
  readonly versionNumber: number;
  /** How far this process's clock is ahead of the server's, in milliseconds, give or take half the round trip. */
  readonly aheadMs: number;
  /** Whether this role may create partitions. */
  readonly mayCreate: boolean;
}

export async function askServer(pool: pg.Pool): Promise<ServerFacts> {
  await pool.query('SELECT 1'); // connected now: the clocks are compared over one round trip
  const asked = Date.now();
  const { rows } = await pool.query<{ version: string; now: Date; may_create: boolean }>(
    `SELECT current_setting('server_version_num') AS version, clock_timestamp() AS now,
       has_schema_privilege(current_schema(), 'CREATE') AS may_create`,
  );
  const row = rows[0] as (typeof rows)[number];
  const aheadMs = (asked + Date.now()) / 2 - row.now.getTime();
  return { versionNumber: Number(row.version), aheadMs, mayCreate: row.may_create };
}

/** A ciphertext, bound to its row's id. */
export interface SealedSample {
  readonly table: string;
  readonly id: string;
  readonly sealed: Buffer;
}

/** The oldest and the newest ciphertexts: the likeliest to need another key than the newest. */
export async function sampleSealed(pool: pg.Pool): Promise<SealedSample[]> {
  const samples = [
    ['secrets', 'ciphertext'],
    ['subscriptions', 'headers'],
  ].flatMap(([table, column]) =>
    ['ASC', 'DESC'].map(
      (order) =>
        `(SELECT '${table}' AS "table", id, ${column} AS sealed FROM ${table} WHERE ${column} IS NOT NULL ORDER BY id ${order} LIMIT 1)`,
    ),
  );
  return (await pool.query<SealedSample>(samples.join(' UNION '))).rows;
}

/** Where the newest enabled subscriptions are sent to. */
export async function sampleTargets(pool: pg.Pool, limit: number): Promise<{ id: string; url: string }[]> {
  const { rows } = await pool.query<{ id: string; url: string }>(
    `SELECT id, url FROM subscriptions WHERE enabled AND deleted_at IS NULL AND url IS NOT NULL ORDER BY id DESC LIMIT $1`,
    [limit],
  );
  return rows;
}
