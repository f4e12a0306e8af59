import pg from 'pg';

export interface PoolOptions {
  readonly url: string;
  readonly max: number;
  readonly applicationName: string;
  /** Server settings for every connection of the pool, e.g. `{ synchronous_commit: 'off' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Told of errors of idle connections: the pool replaces them by itself. */
  readonly onError?: (error: Error) => void;
}

/** A call that Postgres does not answer within this many milliseconds fails, and is retried by who called. */
const QUERY_TIMEOUT_MS = 15_000;

/** The server gives up before we do, so that nothing goes on behind our back on a connection that is used again. */
const STATEMENT_TIMEOUT_MS = 14_000;
const CONNECT_TIMEOUT_MS = 5_000;

/** A connection pool that survives restarts of Postgres: broken connections are dropped, calls in flight fail. */
export function createPool({ url, max, applicationName, settings = {}, onError }: PoolOptions): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: QUERY_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idle_in_transaction_session_timeout: QUERY_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    options: Object.entries(settings)
      .map(([name, value]) => `-c ${name}=${value}`)
      .join(' '),
  });
  pool.on('error', (error) => onError?.(error));
  // While the pool ends, its own listeners are gone before the server's last words have come.
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/**
 * Settings for the hot statements. Generic plans: they are prepared once and their parameters are arrays of any length. No hash or
 * merge joins: before a new day's partitions have statistics, the planner would hash whole partitions (300–500 µs instead of
 * 50 per row).
 */
export const HOT_SETTINGS = {
  plan_cache_mode: 'force_generic_plan',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
} as const;

/**
 * Settings for reads that people wait for. Each is a page out of an index, and its statement says which; the planner would read a
 * partition that is small today as a whole, or a range of it into a bitmap for the sake of 50 rows. Compiling a plan over a month of
 * partitions, or starting processes for it, takes longer than running it.
 */
export const READ_SETTINGS = {
  enable_seqscan: 'off',
  enable_bitmapscan: 'off',
  enable_hashjoin: 'off',
  enable_mergejoin: 'off',
  jit: 'off',
  max_parallel_workers_per_gather: '0',
  random_page_cost: '1.1', // else it walks all partners' newest events rather than fetch one partner's
} as const;
