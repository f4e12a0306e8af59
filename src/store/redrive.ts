import type pg from 'pg';
import type { Actor } from '../domain/actor.ts';
import { publicId } from '../domain/ids.ts';
import { auditedFrom, auditValues } from './audit.ts';
import { LOCKS } from './locks.ts';

/** A dead letter that may be redriven. */
export interface WaitingLetter {
  readonly id: string;
  readonly lane: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly partnerId: string | null;
  readonly lastSeenAt: Date;
  /** It is one of a bulk redrive: when it is due. */
  readonly redriveAt: Date | null;
}

/** Which letters: all that is given must hold; nothing given: all that wait. */
export interface LetterSelection {
  readonly ids?: readonly string[] | undefined;
  readonly reason?: string | undefined;
  readonly lane?: string | undefined;
  readonly partnerId?: string | undefined;
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

/** Bulk redrives, all of them together, publish one letter every so many milliseconds: 50 a second. */
const SPACING_MS = 20;

/** Who claims letters has so long to publish them. */
const LEASE_SECONDS = 60;

const COLUMNS = `id, lane, body, attributes, partner_id AS "partnerId", last_seen_at AS "lastSeenAt",
  redrive_at AS "redriveAt"`;

export async function findWaitingLetter(pool: pg.Pool, id: string): Promise<WaitingLetter | null> {
  const text = `SELECT ${COLUMNS} FROM dead_letters WHERE id = $1 AND state = 'waiting'`;
  const { rows } = await pool.query<WaitingLetter>(text, [id]);
  return rows[0] ?? null;
}

/**
 * Asks for a redrive of every waiting letter of the selection, at the capped rate, behind those asked for before.
 *
 * @returns how many there are
 */
export async function scheduleRedrives(pool: pg.Pool, selection: LetterSelection, by: Actor): Promise<number> {
  const { ids, reason, lane, partnerId, since, until } = selection;
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCKS.redrive]);
    const { rowCount } = await client.query(SCHEDULE, [
      ...[ids ?? null, reason ?? null, lane ?? null, partnerId ?? null, since ?? null, until ?? null, SPACING_MS],
      JSON.stringify({ ...selection, ids: ids?.map((id) => publicId('dl', id)) }),
      ...auditValues(by, { action: 'dead_letters.redriven', subjectId: '*' }),
    ]);
    await client.query('COMMIT');
    return rowCount ?? 0;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}

/** Times after the last one that is asked for: the rate holds for all requests together, in however many processes. */
const SCHEDULE = `
  WITH line AS (SELECT greatest(now(), max(redrive_at)) AS starts FROM dead_letters WHERE redrive_at IS NOT NULL),
  chosen AS (
    SELECT id, row_number() OVER (ORDER BY id) AS place FROM dead_letters
    WHERE state = 'waiting' AND redrive_at IS NULL AND ($1::uuid[] IS NULL OR id = ANY($1))
      AND ($2::text IS NULL OR reason = $2) AND ($3::text IS NULL OR lane = $3)
      AND ($4::text IS NULL OR partner_id = $4)
      AND ($5::timestamptz IS NULL OR last_seen_at >= $5) AND ($6::timestamptz IS NULL OR last_seen_at < $6)
  ),
  changed AS (
    UPDATE dead_letters d SET redrive_at = line.starts + (chosen.place - 1) * $7 * interval '1 millisecond'
    FROM chosen, line WHERE d.id = chosen.id RETURNING d.id
  ),
  acted AS (
    SELECT NULL::text AS partner_id, NULL::jsonb AS before, jsonb_build_object('count', count(*), 'selected', $8::jsonb) AS after
    FROM changed HAVING count(*) > 0
  ),
  ${auditedFrom('acted', 9)}
  SELECT FROM changed`;

/**
 * Takes letters that are due, those due longest first: as many as have become due at the capped rate since the last claim, a second's
 * worth at the most. So the rate holds for all processes, also when they come back to letters that are hours overdue.
 */
export async function claimRedrives(pool: pg.Pool, limit: number): Promise<WaitingLetter[]> {
  const { rows } = await pool.query<WaitingLetter>({
    name: 'claim-redrives',
    text: CLAIM,
    values: [limit, LEASE_SECONDS, SPACING_MS],
  });
  return rows;
}

const CLAIM = `
  WITH pace AS MATERIALIZED (
    SELECT greatest(next_at, now() - interval '1 second') AS next_at FROM redrive_pace FOR UPDATE
  ), due AS MATERIALIZED (
    SELECT id FROM dead_letters WHERE redrive_at <= now() ORDER BY redrive_at
    LIMIT (SELECT greatest(0, least($1::int, floor(extract(epoch FROM now() - next_at) * 1000 / $3::int)::int)) FROM pace)
    FOR UPDATE SKIP LOCKED
  ), paced AS (
    UPDATE redrive_pace r SET next_at = p.next_at + (SELECT count(*) FROM due) * $3::int * interval '1 millisecond'
    FROM pace p WHERE EXISTS (SELECT FROM due)
  )
  UPDATE dead_letters SET redrive_at = now() + $2 * interval '1 second' WHERE id IN (SELECT id FROM due)
  RETURNING ${COLUMNS}`;

/**
 * Asks for the redrive of one letter, now, ahead of all bulk redrives: who asked is on record, and it is under a lease of the caller's.
 * Whoever dies with it leaves it to the background.
 *
 * @returns false when it waits no more
 */
export async function askForRedrive(pool: pg.Pool, id: string, by: Actor): Promise<boolean> {
  const text = `
    WITH changed AS (
      UPDATE dead_letters SET redrive_at = now() + $2 * interval '1 second' WHERE id = $1 AND state = 'waiting'
      RETURNING NULL::text AS partner_id, NULL::jsonb AS before, jsonb_build_object('partnerId', partner_id) AS after
    ), ${auditedFrom('changed', 3)} SELECT FROM changed`;
  const audit = auditValues(by, { action: 'dead_letter.redriven', subjectId: publicId('dl', id) });
  const { rowCount } = await pool.query(text, [id, LEASE_SECONDS, ...audit]);
  return rowCount === 1;
}

/** The letter was published. One that has come back since then is waiting again, and stays so. */
export async function markRedriven(pool: pg.Pool, { id, lastSeenAt }: Pick<WaitingLetter, 'id' | 'lastSeenAt'>) {
  await pool.query(MARK, [id, lastSeenAt]);
}

const MARK = `
  UPDATE dead_letters SET redrive_at = NULL,
    state = CASE WHEN last_seen_at = $2 THEN 'redriven' ELSE state END,
    redriven_at = CASE WHEN last_seen_at = $2 THEN now() ELSE redriven_at END
  WHERE id = $1`;

/** It was not published after all: due when it was before, as one of a bulk redrive; null: asked for no more. */
export async function putBackLetter(pool: pg.Pool, id: string, redriveAt: Date | null): Promise<void> {
  await pool.query(`UPDATE dead_letters SET redrive_at = $2 WHERE id = $1 AND state = 'waiting'`, [id, redriveAt]);
}

/** False when there is no such letter. */
export async function discardDeadLetter(pool: pg.Pool, id: string, by: Actor): Promise<boolean> {
  const text = `
    WITH changed AS (
      DELETE FROM dead_letters WHERE id = $1
      RETURNING NULL::text AS partner_id, NULL::jsonb AS after, jsonb_build_object(
        'lane', lane, 'reason', reason, 'partnerId', partner_id, 'receiveCount', receive_count, 'firstSeenAt', first_seen_at
      ) AS before
    ), ${auditedFrom('changed', 2)} SELECT FROM changed`;
  const audit = auditValues(by, { action: 'dead_letter.discarded', subjectId: publicId('dl', id) });
  const { rowCount } = await pool.query(text, [id, ...audit]);
  return rowCount === 1;
}

export async function isEventOnRecord(pool: pg.Pool, id: string): Promise<boolean> {
  const { rowCount } = await pool.query('SELECT FROM events WHERE id = $1', [id]);
  return rowCount === 1;
}
