import type pg from 'pg';
import { LOCKS } from './locks.ts';

/** Partitions are made this many days ahead: a week of broken maintenance hurts nobody. */
const DAYS_AHEAD = 7;

/** Yesterday's, for what was accepted around midnight. */
const DAYS_BACK = 1;

/**
 * Makes the daily partitions that may be written to, up to a week ahead; those that are there stay.
 *
 * @param daysBack how far back they start
 * @returns how many were made
 */
export async function ensurePartitions(pool: pg.Pool, daysBack = DAYS_BACK): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query(`SET LOCAL lock_timeout = '2s'`); // behind a long reader every writer would queue up after us
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCKS.partitions]);
    const { rows } = await client.query<{ made: number }>(
      `SELECT make_partitions((now() AT TIME ZONE 'UTC')::date - $1::int, (now() AT TIME ZONE 'UTC')::date + $2::int) AS made`,
      [daysBack, DAYS_AHEAD],
    );
    await client.query('COMMIT');
    client.release();
    return rows[0]?.made ?? 0;
  } catch (error) {
    client.release(true); // closed, and its transaction with it: what state it is in is not known
    throw error;
  }
}
