import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deliveryId, newId, uuidFloor } from '../src/domain/ids.ts';
import { createMaintain, type MaintenanceRun } from '../src/pipeline/maintain.ts';
import { LOCKS } from '../src/store/locks.ts';
import { createMaintenance, type Maintenance } from '../src/store/maintenance.ts';
import { ensurePartitions } from '../src/store/partitions.ts';
import { createTestDatabase, type TestDatabase } from './support/database.ts';
import { until } from './support/until.ts';

const DAY_MS = 86_400_000;
const RETENTION_MS = 30 * DAY_MS;

let database: TestDatabase;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = new pg.Pool({ connectionString: database.url, max: 8 });
  await pool.query(`INSERT INTO partners (id, name) VALUES ('acme', 'Acme')`);
});
beforeEach(async () => {
  await pool.query('TRUNCATE idempotency_keys, dead_letters');
  await ensurePartitions(pool);
});
afterAll(async () => {
  await pool.end();
  await database.drop();
});

const daysAgo = (days: number) => new Date(Date.now() - days * DAY_MS);
const dayOf = (time: Date) => time.toISOString().slice(0, 10).replaceAll('-', '');

async function partitions(): Promise<string[]> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind = 'r' AND relname ~ '^(events|deliveries|attempts)_[0-9]{8}$' ORDER BY 1`,
  );
  return rows.map(({ name }) => name);
}

const makeDay = (days: number) =>
  pool.query('SELECT make_partitions($1::date, $1::date)', [daysAgo(days).toISOString()]);

const subscribe = async (enabled = true) => {
  const id = newId();
  await pool.query(
    `INSERT INTO subscriptions (id, partner_id, url, event_types, enabled) VALUES ($1, 'acme', 'https://x.test/', '{*}', $2)`,
    [id, enabled],
  );
  return id;
};

/** An event of that day; with a delivery when there is a subscription. */
async function putEvent(time: Date, delivery?: { subscriptionId: string; state: 'pending' | 'succeeded' }) {
  const id = uuidFloor(time).slice(0, 14) + newId().slice(14);
  await pool.query(
    `INSERT INTO events (id, lease_until, fan_out, partner_id, type, data) VALUES ($1, now(), 0, 'acme', 'a', '1')`,
    [id],
  );
  if (!delivery) return;
  await pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, state, event_type, next_attempt_at)
     VALUES ($1, $2, $3, $4::delivery_state, 'a', CASE WHEN $4 = 'pending' THEN now() END)`,
    [deliveryId(id, delivery.subscriptionId), delivery.subscriptionId, id, delivery.state],
  );
}

interface Keeper {
  readonly maintenance: Maintenance;
  readonly runs: MaintenanceRun[];
  readonly errors: unknown[];
  maintain(): Promise<boolean>;
}

function keeper(now: () => number = Date.now): Keeper {
  const runs: MaintenanceRun[] = [];
  const errors: unknown[] = [];
  const onError = (error: unknown) => void errors.push(error);
  const maintenance = createMaintenance({ url: database.url, onError });
  const makePartitions = () => ensurePartitions(pool);
  const ports = { ...maintenance, makePartitions, onRun: (run: MaintenanceRun) => void runs.push(run), onError };
  return { maintenance, runs, errors, maintain: createMaintain(ports, { retentionMs: RETENTION_MS, now }) };
}

it('partitions past the retention are dropped, those within it stay, and those ahead are made', async () => {
  for (const days of [29, 30, 31, 33]) await makeDay(days);
  await putEvent(daysAgo(33));
  const tomorrow = dayOf(daysAgo(-1));
  await pool.query(`DROP TABLE events_${tomorrow}`);
  const { maintain, maintenance, runs } = keeper();
  await maintain();
  const gone = [33, 31].flatMap((days) =>
    ['deliveries', 'feed', 'attempts', 'events'].map((each) => `${each}_${dayOf(daysAgo(days))}`),
  );
  expect(runs).toMatchObject([{ partitionsMade: 1, partitionsDropped: gone, partitionsKept: [] }]);
  const left = await partitions();
  expect(left).toContain(`events_${dayOf(daysAgo(30))}`);
  expect(left).toContain(`events_${tomorrow}`);
  for (const name of gone) expect(left).not.toContain(name);
  await maintenance.close();
});

it('a partition attached like this has the indexes, triggers and checks of its parent', async () => {
  const { rows } = await pool.query<{ name: string; parts: string }>(
    `SELECT relname AS name, (SELECT count(*) FROM pg_index WHERE indrelid = c.oid)
       || ' ' || (SELECT count(*) FROM pg_trigger WHERE tgrelid = c.oid AND tgtype::int & 1 = 1)
       || ' ' || (SELECT count(*) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c') AS parts
     FROM pg_class c WHERE relname ~ '^(events|deliveries|attempts)(_[0-9]{8})?$'`,
  );
  const partsOf = (name: string) => rows.find((row) => row.name === name)?.parts;
  expect(partsOf('attempts')).toBe('1 1 0');
  for (const parent of ['attempts', 'deliveries', 'events']) {
    expect(partsOf(`${parent}_${dayOf(new Date())}`)).toBe(partsOf(parent));
  }
  const { rows: strays } = await pool.query(
    `SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid LEFT JOIN pg_inherits h ON h.inhrelid = i.indexrelid
     WHERE c.relname ~ '^(events|deliveries|attempts)_[0-9]{8}$' AND h.inhrelid IS NULL`,
  );
  expect(strays).toEqual([]);
});

it('a day is kept while a delivery of it is still to be attempted, and not for a disabled subscription', async () => {
  const [enabled, disabled] = [await subscribe(), await subscribe(false)];
  for (const days of [40, 41, 42]) await makeDay(days);
  await putEvent(daysAgo(40), { subscriptionId: enabled, state: 'pending' });
  await putEvent(daysAgo(41), { subscriptionId: disabled, state: 'pending' });
  await putEvent(daysAgo(42), { subscriptionId: enabled, state: 'succeeded' });
  const { maintain, maintenance, runs } = keeper();
  await maintain();
  const tablesOf = (days: number) =>
    ['deliveries', 'feed', 'attempts', 'events'].map((each) => `${each}_${dayOf(daysAgo(days))}`);
  expect(runs[0]?.partitionsKept).toEqual(tablesOf(40));
  expect(runs[0]?.partitionsDropped).toEqual([...tablesOf(42), ...tablesOf(41)]);
  await pool.query(`UPDATE deliveries SET state = 'exhausted', next_attempt_at = NULL WHERE state = 'pending'`);
  expect((await maintenance.dropPartitions(daysAgo(30))).dropped).toEqual(tablesOf(40));
  await maintenance.close();
});

it('a report that runs for long holds up the drop, and neither of them the events; the next run finishes it', async () => {
  await makeDay(50);
  const report = await pool.connect();
  await report.query('BEGIN');
  await report.query('SELECT count(*) FROM deliveries');
  const { maintain, maintenance, runs, errors } = keeper();
  const maintaining = maintain();
  let slowestMs = 0;
  let inserts = 0;
  while (runs.length === 0) {
    const since = performance.now();
    await putEvent(new Date());
    slowestMs = Math.max(slowestMs, performance.now() - since);
    inserts++;
  }
  await maintaining;
  expect(errors).toHaveLength(1);
  expect(runs[0]).toMatchObject({ partitionsDropped: null, idempotencyKeysDeleted: 0, deadLettersDeleted: 0 });
  expect(inserts).toBeGreaterThan(20); // it waited for 5 s
  expect(slowestMs).toBeLessThan(4_000);
  await report.query('COMMIT');
  report.release();
  const day = dayOf(daysAgo(50));
  const names = ['deliveries', 'feed', 'attempts', 'events'].map((each) => `${each}_${day}`);
  expect((await maintenance.dropPartitions(daysAgo(30))).dropped).toEqual(names);
  await maintenance.close();
});

it('making partitions does not wait for a report either', async () => {
  const report = await pool.connect();
  await report.query('BEGIN');
  await report.query('SELECT count(*) FROM events');
  await makeDay(-20);
  expect(await partitions()).toContain(`events_${dayOf(daysAgo(-20))}`);
  await report.query('COMMIT');
  report.release();
});

it('idempotency keys are deleted after 24 hours, dead letters after the retention, batch by batch', async () => {
  await pool.query(
    `INSERT INTO idempotency_keys (partner_id, key, entry, body_hash, event_id, created_at)
     SELECT 'acme', n::text, 0, '', $1, now() - CASE WHEN n <= 11000 THEN interval '24 hours 1 minute' ELSE interval '23 hours' END
     FROM generate_series(1, 11010) n`,
    [newId()],
  );
  const letter = (sent: number, seen: number) =>
    pool.query(
      `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, receive_count, last_seen_at)
       VALUES ($1, 'live', 'malformed', '', '', '{}', 1, $2)`,
      [uuidFloor(daysAgo(sent)).slice(0, 14) + newId().slice(14), daysAgo(seen)],
    );
  await letter(40, 31);
  await letter(40, 29); // came back
  await letter(3, 3);
  const { maintain, maintenance, runs } = keeper();
  await maintain();
  expect(runs).toMatchObject([{ idempotencyKeysDeleted: 11_000, deadLettersDeleted: 1 }]);
  const { rows } = await pool.query(`SELECT (SELECT count(*)::int FROM idempotency_keys) AS keys,
    (SELECT count(*)::int FROM dead_letters) AS letters`);
  expect(rows).toEqual([{ keys: 10, letters: 2 }]);
  await maintenance.close();
});

it('one process maintains, every hour; when it dies another one takes over', async () => {
  let nowMs = Date.now();
  const [first, second] = [keeper(() => nowMs), keeper(() => nowMs)];
  expect(await first.maintain()).toBe(true);
  expect(await second.maintain()).toBe(false);
  expect(await first.maintain()).toBe(false);
  nowMs += 3_600_000;
  expect(await first.maintain()).toBe(true);
  expect(await second.maintain()).toBe(false);
  await expect(second.maintenance.deleteIdempotencyKeys()).rejects.toThrow('another process');
  await pool.query(
    `SELECT pg_terminate_backend(l.pid) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
     WHERE l.locktype = 'advisory' AND l.objid = ${LOCKS.housekeeping} AND d.datname = current_database()`,
  );
  expect(await until(second.maintain, (ran) => ran)).toBe(true);
  expect(await until(first.maintain, () => true)).toBe(false); // stands by from now on
  await Promise.all([first.maintenance.close(), second.maintenance.close()]);
});
