import type pg from 'pg';

export interface PartitionsDropped {
  /** The tables that are gone. */
  readonly dropped: readonly string[];
  /** Past their time, and kept for the deliveries in them that are still to be attempted. */
  readonly kept: readonly string[];
}

interface Partition {
  readonly name: string;
  readonly parent: string;
  /** `YYYYMMDD`, UTC. */
  readonly day: string;
  readonly attached: boolean;
  /** A detach was interrupted: its rows are out of sight already. */
  readonly detaching: boolean;
}

/**
 * Also finds what an interrupted run has left: tables half detached, or detached and not dropped yet. A day's deliveries go
 * first: while they are there, their event and attempts are.
 */
const PAST = `
  SELECT c.relname AS name, m[1] AS parent, m[2] AS day, i.inhrelid IS NOT NULL AS attached,
    coalesce(i.inhdetachpending, false) AS detaching
  FROM pg_class c
  CROSS JOIN LATERAL regexp_match(c.relname, '^(events|deliveries|feed|attempts)_([0-9]{8})$') m
  LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
  WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' AND m[2] < $1
  ORDER BY day, array_position(ARRAY['deliveries', 'feed', 'attempts', 'events'], m[1])`;

/** Drops the daily partitions that ended before a time. */
export async function dropPartitionsBefore(client: pg.Client, before: Date): Promise<PartitionsDropped> {
  const firstKeptDay = before.toISOString().slice(0, 10).replaceAll('-', '');
  const { rows } = await client.query<Partition>(PAST, [firstKeptDay]);
  const dropped: string[] = [];
  const kept: string[] = [];
  const keptDays = new Set<string>();
  for (const partition of rows) {
    if (await isNeeded(client, partition)) keptDays.add(partition.day);
    if (keptDays.has(partition.day)) {
      kept.push(partition.name);
      continue;
    }
    await dropPartition(client, partition);
    dropped.push(partition.name);
  }
  return { dropped, kept };
}

/** Deliveries of subscriptions that are disabled or deleted have no attempt to come: they go with their time. */
async function isNeeded(client: pg.Client, { name, parent, attached, detaching }: Partition): Promise<boolean> {
  if (parent !== 'deliveries' || !attached || detaching) return false;
  const { rows } = await client.query<{ needed: boolean }>(`
    SELECT EXISTS (SELECT FROM ${name} d JOIN subscriptions s ON s.id = d.subscription_id
      WHERE d.state = 'pending' AND s.enabled AND s.deleted_at IS NULL) AS needed`);
  return rows[0]?.needed === true;
}

/**
 * DROP TABLE of a partition would lock its parent against everybody, and make all inserts queue behind the longest query. Detached
 * concurrently, it holds up nobody: it waits for the transactions that see the partition, and is a table of its own from then on.
 * What does not come about in time (a backup holds its snapshot for an hour) is finished by a later run.
 */
async function dropPartition(client: pg.Client, { name, parent, attached, detaching }: Partition): Promise<void> {
  if (attached)
    await client.query(`ALTER TABLE ${parent} DETACH PARTITION ${name} ${detaching ? 'FINALIZE' : 'CONCURRENTLY'}`);
  await client.query(`DROP TABLE ${name}`);
}
