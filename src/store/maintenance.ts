import pg from 'pg';
import { dropPartitionsBefore, type PartitionsDropped } from './drop-partitions.ts';
import { LOCKS } from './locks.ts';

export interface MaintenanceOptions {
  readonly url: string;
  /** The connection was lost, and with it the election. */
  onError(error: unknown): void;
}

/** Maintenance on a connection of its own: its session holds the election, so whoever loses it can do nothing more. */
export interface Maintenance {
  /** True in one process at a time: until its connection ends, the others stand by. Throws while Postgres is away. */
  elected(): Promise<boolean>;
  /** Drops the partitions of days that ended before a time, but for those with deliveries that are still to be attempted. */
  dropPartitions(before: Date): Promise<PartitionsDropped>;
  /** @returns how many rows are gone */
  deleteIdempotencyKeys(): Promise<number>;
  deleteDeadLetters(before: Date): Promise<number>;
  close(): Promise<void>;
}

/** Rows deleted by one statement: some milliseconds, so that nobody waits for its locks. */
const BATCH_ROWS = 5_000;

/** Idempotency keys live at least this long. */
const KEY_LIFETIME = '24 hours';

/**
 * Waiting for a lock ends after 5 s and is taken up by the next run. Keepalives: of a host that vanished, the server learns
 * within a minute, and another process takes over.
 */
const SETTINGS = {
  lock_timeout: '5s',
  statement_timeout: '60s',
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

export function createMaintenance({ url, onError }: MaintenanceOptions): Maintenance {
  let client: pg.Client | undefined;
  let isElected = false;
  let closed = false;

  function lose(lost: pg.Client): void {
    if (client !== lost) return;
    client = undefined;
    isElected = false;
    lost.end().catch(() => undefined);
  }

  async function connect(): Promise<pg.Client> {
    const fresh = new pg.Client({
      connectionString: url,
      application_name: 'postrider-maintenance',
      connectionTimeoutMillis: 5_000,
      query_timeout: 90_000,
      keepAlive: true,
      options: Object.entries(SETTINGS)
        .map(([name, value]) => `-c ${name}=${value}`)
        .join(' '),
    });
    fresh.on('error', (error) => {
      if (client === fresh && !closed) onError(error);
      lose(fresh);
    });
    await fresh.connect();
    if (closed) await fresh.end();
    client = fresh;
    return fresh;
  }

  /** A call that fails for want of a connection ends the election; what Postgres itself refuses does not. */
  async function onClient<T>(call: (client: pg.Client) => Promise<T>): Promise<T> {
    if (closed) throw new Error('maintenance is closed');
    const using = client ?? (await connect());
    try {
      return await call(using);
    } catch (error) {
      if (!(error instanceof pg.DatabaseError)) lose(using);
      throw error;
    }
  }

  async function asElected<T>(call: (client: pg.Client) => Promise<T>): Promise<T> {
    if (!isElected) throw new Error('another process is the maintainer');
    return onClient(call);
  }

  return {
    elected: () =>
      onClient(async (using) => {
        if (isElected) await using.query('SELECT 1');
        else isElected = await tryLock(using);
        return isElected;
      }),
    dropPartitions: (before) => asElected((using) => dropPartitionsBefore(using, before)),
    deleteIdempotencyKeys: () =>
      asElected((using) =>
        deleteInBatches(using, 'idempotency_keys', `created_at < now() - interval '${KEY_LIFETIME}'`),
      ),
    // The id carries when the message was sent, which is never after it was last seen: its index finds the rows.
    deleteDeadLetters: (before) =>
      asElected((using) =>
        deleteInBatches(
          using,
          'dead_letters',
          'id < uuid_floor($2) AND last_seen_at < $2 AND redrive_at IS NULL',
          before,
        ),
      ),
    async close() {
      closed = true;
      await client?.end().catch(() => undefined);
    },
  };
}

async function tryLock(client: pg.Client): Promise<boolean> {
  const { rows } = await client.query<{ won: boolean }>('SELECT pg_try_advisory_lock($1) AS won', [LOCKS.housekeeping]);
  return rows[0]?.won === true;
}

async function deleteInBatches(client: pg.Client, table: string, where: string, before?: Date): Promise<number> {
  const text = `DELETE FROM ${table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM ${table} WHERE ${where} LIMIT $1))`;
  let deleted = 0;
  for (;;) {
    const { rowCount } = await client.query(text, before ? [BATCH_ROWS, before] : [BATCH_ROWS]);
    deleted += rowCount ?? 0;
    if ((rowCount ?? 0) < BATCH_ROWS) return deleted;
  }
}
