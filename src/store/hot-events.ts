import type pg from 'pg';
import { timeOfId } from '../domain/ids.ts';
import type { EventRecord, EventRecorded } from '../domain/record.ts';

const PERSIST = {
  name: 'persist-events',
  text: `
    WITH inserted AS (
      INSERT INTO events (id, lease_until, fan_out, partner_id, type, "timestamp", skipped, data, traceparent)
      SELECT i.id, now() + i.lease_ms * interval '1 millisecond', i.fan_out, i.partner_id, i.type, i.at, i.skipped, i.data, i.traceparent
      FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
        $9::text[])
        AS i (id, lease_ms, fan_out, partner_id, type, at, skipped, data, traceparent)
      ON CONFLICT (id) DO NOTHING
      RETURNING id
    )
    SELECT
      CASE WHEN (SELECT count(*) FROM inserted) < cardinality($1) THEN (SELECT array_agg(id::text) FROM inserted) END AS fresh,
      (SELECT count(*) FROM inserted)::int AS fresh_count,
      (SELECT array_agg(p.subscriptions_version::text ORDER BY w.ord)
       FROM unnest($10::text[]) WITH ORDINALITY AS w (id, ord)
       LEFT JOIN partners p ON p.id = w.id AND p.deleted_at IS NULL) AS versions`,
};

interface PersistRow {
  /** The ids that were new; null when all were. */
  fresh: string[] | null;
  fresh_count: number;
  versions: (string | null)[];
}

/** Puts events on record, those that are not yet, and tells each one's partner's current subscriptions version. */
export async function persistEvents(pool: pg.Pool, records: readonly EventRecord[]): Promise<EventRecorded[]> {
  const partners = [...new Set(records.map(({ event }) => event.partnerId))];
  const values = [...eventColumns(records), partners];
  const { rows } = await pool.query<PersistRow>({ ...PERSIST, values });
  const { fresh, fresh_count, versions } = rows[0] as PersistRow;
  const isFresh = freshness(records.length, fresh, fresh_count);
  const versionOf = new Map(partners.map((partner, index) => [partner, toVersion(versions[index])]));
  return records.map(({ event }) => ({
    fresh: isFresh(event.id),
    version: versionOf.get(event.partnerId) ?? null,
  }));
}

function freshness(asked: number, fresh: string[] | null, freshCount: number): (id: string) => boolean {
  if (freshCount === asked) return () => true;
  const ids = new Set(fresh ?? []);
  return (id) => ids.delete(id); // the same id twice in one batch was new once
}

const toVersion = (text: string | null | undefined): bigint | null => (text == null ? null : BigInt(text));

function eventColumns(records: readonly EventRecord[]): unknown[][] {
  return [
    records.map(({ event }) => event.id),
    records.map(({ leaseMs }) => leaseMs),
    records.map(({ fanOut }) => fanOut),
    records.map(({ event }) => event.partnerId),
    records.map(({ event }) => event.type),
    records.map(({ event }) => (isOwnTime(event) ? null : event.timestamp)),
    records.map(skippedJson),
    records.map(({ event }) => event.data),
    records.map(({ traceparent }) => traceparent ?? null),
  ];
}

/** The ordinary event happened when it was accepted: its id says so already, which saves 25 bytes a row. */
const isOwnTime = ({ id, timestamp }: EventRecord['event']): boolean => timeOfId(id).toISOString() === timestamp;

/** So many are named: 8 kB a row. A thousand filtered subscriptions would be 80 kB for each event. */
const SKIPPED_NAMED = 100;

/** Null for the ordinary event; one that concerned nobody has the reason as its only entry. The last may be how many more there are. */
function skippedJson({ skipped, unmatched }: EventRecord): string | null {
  if (unmatched) return JSON.stringify([{ reason: unmatched }]);
  if (skipped.length <= SKIPPED_NAMED) return skipped.length === 0 ? null : JSON.stringify(skipped);
  return JSON.stringify([...skipped.slice(0, SKIPPED_NAMED), { more: skipped.length - SKIPPED_NAMED }]);
}

const CORRECT = {
  name: 'correct-event',
  text: `
    INSERT INTO events (id, lease_until, fan_out, partner_id, type, "timestamp", skipped, data, traceparent)
    SELECT i.id, now() + i.lease_ms * interval '1 millisecond', i.fan_out, i.partner_id, i.type, i.at, i.skipped, i.data, i.traceparent
    FROM unnest($1::uuid[], $2::int[], $3::smallint[], $4::text[], $5::text[], $6::text[], $7::jsonb[], $8::text[],
        $9::text[])
      AS i (id, lease_ms, fan_out, partner_id, type, at, skipped, data, traceparent)
    ON CONFLICT (id) DO UPDATE SET fan_out = excluded.fan_out, skipped = excluded.skipped`,
};

/** Corrects what a stale cache had matched; should the event have been forgotten by a crash of Postgres, it is written anew. */
export async function correctEvent(pool: pg.Pool, record: EventRecord): Promise<void> {
  await pool.query({ ...CORRECT, values: eventColumns([record]) });
}

/** Whose event is on record under this id; null when none is. */
export async function ownerOfEvent(pool: pg.Pool, eventId: string): Promise<string | null> {
  const text = 'SELECT partner_id FROM events WHERE id = $1';
  const { rows } = await pool.query<{ partner_id: string }>({ name: 'owner-of-event', text, values: [eventId] });
  return rows[0]?.partner_id ?? null;
}

/** Which of these deliveries are on record, be it in a feed. */
export async function recordedDeliveries(pool: pg.Pool, deliveryIds: readonly string[]): Promise<Set<string>> {
  const text = `SELECT id::text FROM deliveries WHERE id = ANY($1::uuid[])
    UNION ALL SELECT delivery_id::text FROM feed WHERE delivery_id = ANY($1::uuid[])`;
  const { rows } = await pool.query<{ id: string }>({ name: 'recorded-deliveries', text, values: [deliveryIds] });
  return new Set(rows.map(({ id }) => id));
}

/**
 * Takes over an event whose worker has not finished it, if its lease has run out.
 *
 * @returns 0 when taken; else how many milliseconds the other worker's lease still has
 */
export async function takeOverEvent(pool: pg.Pool, eventId: string, leaseMs: number): Promise<number> {
  const { rows } = await pool.query<{ taken: boolean; left_ms: number }>({
    name: 'take-over-event',
    text: `
      WITH taken AS (
        UPDATE events SET lease_until = now() + $2::int * interval '1 millisecond'
        WHERE id = $1 AND lease_until <= now() RETURNING id
      )
      SELECT EXISTS (SELECT FROM taken) AS taken,
        ceil(extract(epoch FROM lease_until - now()) * 1000)::float8 AS left_ms FROM events WHERE id = $1`,
    values: [eventId, leaseMs],
  });
  const row = rows[0];
  return !row || row.taken ? 0 : Math.max(1, row.left_ms);
}
