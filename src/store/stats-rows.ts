import type pg from 'pg';
import { decodeLatency, encodeLatency } from '../domain/latency.ts';
import type { Resolution, Tally } from '../domain/stats.ts';

/** What statistics are kept of, and where. */
export interface StatsOwner {
  readonly table: 'subscription_stats' | 'partner_stats';
  readonly key: 'subscription_id' | 'partner_id';
  readonly type: 'uuid' | 'text';
  /** The table of all owners. */
  readonly owners: 'subscriptions' | 'partners';
  idOf(attempt: { subscription_id: string; partner_id: string }): string;
}

export const SUBSCRIPTION_STATS: StatsOwner = {
  table: 'subscription_stats',
  key: 'subscription_id',
  type: 'uuid',
  owners: 'subscriptions',
  idOf: ({ subscription_id }) => subscription_id,
};

/** A partner's numbers are kept as well: it may have thousands of subscriptions. */
export const PARTNER_STATS: StatsOwner = {
  table: 'partner_stats',
  key: 'partner_id',
  type: 'text',
  owners: 'partners',
  idOf: ({ partner_id }) => partner_id,
};

export const OWNERS: readonly StatsOwner[] = [SUBSCRIPTION_STATS, PARTNER_STATS];

/** A row of either table. */
export interface TallyRow extends Tally {
  readonly owner: string;
  readonly seconds: Resolution;
  /** When it begins, in milliseconds. */
  readonly bucket: number;
}

/** `outcomes` comes as text with spaces: the driver takes longer to parse an array than Postgres to find the row. */
export const toTally = ({ outcomes, latency }: { outcomes: string; latency: Uint8Array }): Tally => ({
  outcomes: outcomes.split(' ').map(Number),
  latency: decodeLatency(latency),
});

/** Replaces the rows of these keys: owners, seconds and buckets. */
export async function writeTallies(
  client: pg.PoolClient,
  { table, key, type }: StatsOwner,
  keys: readonly unknown[],
  rows: readonly Tally[],
): Promise<void> {
  const outcomes = rows.map((row) => `{${row.outcomes.join(',')}}`);
  const latency = rows.map((row) => Buffer.from(encodeLatency(row.latency)));
  await client.query({
    name: `write-${table}`,
    text: `
      INSERT INTO ${table} (${key}, seconds, bucket, outcomes, latency)
      SELECT owner, seconds, bucket, outcomes::int[], latency
      FROM unnest($1::${type}[], $2::int[], $3::timestamptz[], $4::text[], $5::bytea[])
        AS k (owner, seconds, bucket, outcomes, latency)
      ON CONFLICT (${key}, seconds, bucket) DO UPDATE SET outcomes = excluded.outcomes, latency = excluded.latency`,
    values: [...keys, outcomes, latency],
  });
}
