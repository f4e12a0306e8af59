import { createCached } from './cached.ts';
import { CALL_BUCKETS, type Metrics, secondsSince } from './metrics.ts';

/** A micro-batcher's settings, as far as they are seen here. */
export interface BatchOptions<T, R> {
  /** What its rows are: `persist`, `record`, … */
  readonly name: string;
  flush: (items: T[]) => Promise<R[]>;
  maxItems: number;
  parallel: number;
  gapMs: number;
}

/** Makes micro-batchers. */
export type Batch = <T, R>(options: BatchOptions<T, R>) => { add(item: T): Promise<R> };

/** As much of a connection pool as is shown. */
export interface WatchedPool {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
}

/** What is waiting in Postgres. */
export interface Backlog {
  readonly due: number;
  readonly scheduled: number;
  readonly held: number;
  /** How long the delivery that is due for longest has been due. */
  readonly overdueSeconds: number;
  readonly breakersOpen: number;
  readonly breakersHalfOpen: number;
  readonly subscriptionsEnabled: number;
  readonly recoveriesRunning: number;
  readonly deadLettersWaiting: number;
  readonly statsLagSeconds: number;
}

/** Batches of the hot statements. */
export function measureBatches(metrics: Metrics) {
  const rows = metrics.histogram({
    name: 'postrider_store_batch_rows',
    help: 'Rows in one statement of the hot path.',
    labelNames: ['kind'],
    buckets: [1, 2, 5, 10, 20, 50, 100],
  });
  const durations = metrics.histogram({
    name: 'postrider_store_batch_duration_seconds',
    help: 'Statements of the hot path, repetitions while Postgres is away included.',
    labelNames: ['kind'],
    buckets: CALL_BUCKETS,
  });
  return (batch: Batch): Batch =>
    (options) =>
      batch({
        ...options,
        flush: async (items) => {
          const startedAt = performance.now();
          const answers = await options.flush(items);
          rows.observe({ kind: options.name }, items.length);
          durations.observe({ kind: options.name }, secondsSince(startedAt));
          return answers;
        },
      });
}

/** Connections to Postgres, by pool; asked at each scrape, since it costs nothing. */
export function watchPools(metrics: Metrics): (name: string, pool: WatchedPool) => void {
  const pools = new Map<string, WatchedPool>();
  const gauge = (name: string, help: string, value: (pool: WatchedPool) => number) =>
    metrics.gauge({
      name,
      help,
      labelNames: ['pool'],
      collect() {
        for (const [pool, watched] of pools) this.set({ pool }, value(watched));
      },
    });
  gauge('postrider_postgres_connections_busy', 'Connections in use.', (pool) => pool.totalCount - pool.idleCount);
  gauge('postrider_postgres_connections_idle', 'Open connections not in use.', ({ idleCount }) => idleCount);
  gauge('postrider_postgres_connections_limit', 'The most connections of the pool.', ({ options }) => options.max);
  gauge('postrider_postgres_queries_waiting', 'Calls that wait for a connection.', ({ waitingCount }) => waitingCount);
  return (name, pool) => void pools.set(name, pool);
}

/** What waits in Postgres, from one query for all of it. Every worker shows the same: take the maximum. */
export function watchBacklog(metrics: Metrics, read: () => Promise<Backlog>): void {
  const backlog = createCached(read);
  const gauge = (name: string, help: string, value: (backlog: Backlog) => number) =>
    metrics.gauge({
      name,
      help,
      async collect() {
        const known = await backlog();
        if (known) this.set(value(known));
        else this.remove();
      },
    });
  const byState = (name: string, help: string, values: (backlog: Backlog) => Readonly<Record<string, number>>) =>
    metrics.gauge({
      name,
      help,
      labelNames: ['state'],
      async collect() {
        const known = await backlog();
        this.reset();
        for (const [state, value] of Object.entries(known ? values(known) : {})) this.set({ state }, value);
      },
    });
  byState(
    'postrider_deliveries_pending',
    'Pending deliveries, up to 50,000: due now, scheduled for later, or held (subscription disabled or breaker open).',
    ({ due, scheduled, held }) => ({ due, scheduled, held }),
  );
  byState('postrider_breakers', 'Subscriptions whose breaker is not closed.', (known) => ({
    open: known.breakersOpen,
    half_open: known.breakersHalfOpen,
  }));
  gauge(
    'postrider_deliveries_overdue_seconds',
    'For how long the most overdue delivery that nothing holds has been due; 0: none is.',
    ({ overdueSeconds }) => overdueSeconds,
  );
  gauge(
    'postrider_subscriptions_enabled',
    'Enabled subscriptions, up to 100,000.',
    ({ subscriptionsEnabled }) => subscriptionsEnabled,
  );
  gauge('postrider_recoveries_running', 'Recoveries that are not through.', (known) => known.recoveriesRunning);
  gauge(
    'postrider_dead_letters_waiting',
    'Dead letters that wait for somebody, up to 10,000.',
    (known) => known.deadLettersWaiting,
  );
  gauge(
    'postrider_stats_lag_seconds',
    'Age of the oldest attempt that is not in the statistics yet.',
    ({ statsLagSeconds }) => statsLagSeconds,
  );
}
