import type pg from 'pg';

/**
 * A filter without an index of its own looks at so many rows for a page, about 10 ms' worth: what it has not found by then comes
 * with the next page. So a rare event type among millions costs many short pages, and never one long query.
 */
export const ROWS_LOOKED_AT = 2_000;

/** A list's rows in its index: newest first, of one owner or of all, between two ids. */
export interface Scan {
  readonly table: 'events' | 'deliveries' | 'audit';
  /** With `$1`: whose rows, by the leading column of an index that has `id` next; `true` where the index begins with `id`. */
  readonly where: string;
  readonly values: readonly unknown[];
  readonly from: string;
  readonly before: string;
}

/**
 * How far down a page may look.
 *
 * @returns the id of the last row to look at; null: down to the end of the list
 */
export async function scanFloor(pool: pg.Pool, { table, where, values, from, before }: Scan): Promise<string | null> {
  const at = values.length;
  const { rows } = await pool.query<{ id: string }>(
    // By the table's id: a plain "id" would be the text.
    `SELECT id::text FROM ${table} WHERE ${where} AND id >= $${at + 1} AND id < $${at + 2}
     ORDER BY ${table}.id DESC OFFSET ${ROWS_LOOKED_AT - 1} LIMIT 1`,
    [...values, from, before],
  );
  return rows[0]?.id ?? null;
}
