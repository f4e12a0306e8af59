import type pg from 'pg';
import { type Cipher, KEY_ID_AT } from './cipher.ts';

/** What a run did, in rows of secrets and of subscriptions' headers. */
export interface Reencrypted {
  readonly changed: number;
  /** Rows whose key is not in the ring, or that are damaged: left as they are. */
  readonly unreadable: readonly { readonly table: string; readonly id: string; readonly error: string }[];
}

/** So many rows in one transaction: it holds the partner's lock for a few milliseconds. */
const BATCH_ROWS = 100;

/** The columns that hold ciphertexts, each bound to its row's id. Expired secrets and deleted subscriptions count as well. */
const TABLES = [
  {
    table: 'secrets',
    column: 'ciphertext',
    partner: '(SELECT partner_id FROM subscriptions WHERE id = t.subscription_id)',
  },
  { table: 'subscriptions', column: 'headers', partner: 't.partner_id' },
] as const;

type Table = (typeof TABLES)[number];

/**
 * Encrypts with the newest key whatever another key encrypted, so that old keys can leave the ring. May run while the service
 * does, be stopped at any time and run again: what is done is done, in transactions of up to 100 rows of one partner.
 */
export async function reencrypt(pool: pg.Pool, cipher: Cipher): Promise<Reencrypted> {
  let changed = 0;
  const unreadable: Reencrypted['unreadable'][number][] = [];
  for (const table of TABLES) {
    for (let after = NO_UUID; ; ) {
      const batch = await nextBatch(pool, table, after, cipher);
      if (!batch) break;
      after = batch.last;
      changed += await changeBatch(pool, table, batch, (row) => {
        try {
          return cipher.encrypt(cipher.decrypt(row.sealed, row.id), row.id);
        } catch (error) {
          unreadable.push({ table: table.table, id: row.id, error: (error as Error).message });
          return null;
        }
      });
    }
  }
  return { changed, unreadable };
}

const NO_UUID = '00000000-0000-0000-0000-000000000000';

interface Batch {
  readonly partnerId: string;
  readonly ids: readonly string[];
  readonly last: string;
}

/** Rows in the order of their ids; a batch ends where another partner's begin. */
async function nextBatch(pool: pg.Pool, { table, column, partner }: Table, after: string, { newestKeyId }: Cipher) {
  const { rows } = await pool.query<{ id: string; partner_id: string }>(
    `SELECT id, ${partner} AS partner_id FROM ${table} t
     WHERE id > $1 AND substring(${column} FROM ${KEY_ID_AT + 1} FOR 4) <> $2 ORDER BY id LIMIT ${BATCH_ROWS}`,
    [after, newestKeyId],
  );
  const [first] = rows;
  if (!first) return null;
  const end = rows.findIndex(({ partner_id }) => partner_id !== first.partner_id);
  const ids = (end < 0 ? rows : rows.slice(0, end)).map(({ id }) => id);
  return { partnerId: first.partner_id, ids, last: ids.at(-1) as string } satisfies Batch;
}

/** The partner's lock comes first, as in every change: the trigger that raises its version takes it anyway. */
async function changeBatch(
  pool: pg.Pool,
  { table, column }: Table,
  { partnerId, ids }: Batch,
  renew: (row: { id: string; sealed: Buffer }) => Buffer | null,
): Promise<number> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT FROM partners WHERE id = $1 FOR NO KEY UPDATE', [partnerId]);
    const select = `SELECT id, ${column} AS sealed FROM ${table} WHERE id = ANY ($1) AND ${column} IS NOT NULL FOR NO KEY UPDATE`;
    const { rows } = await client.query<{ id: string; sealed: Buffer }>(select, [ids]);
    const renewed = rows.flatMap((row) => {
      const sealed = renew(row);
      return sealed ? [{ id: row.id, sealed }] : [];
    });
    await client.query(
      `UPDATE ${table} t SET ${column} = i.sealed FROM unnest($1::uuid[], $2::bytea[]) AS i (id, sealed) WHERE t.id = i.id`,
      [renewed.map(({ id }) => id), renewed.map(({ sealed }) => sealed)],
    );
    await client.query('COMMIT');
    return renewed.length;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  } finally {
    client.release();
  }
}
