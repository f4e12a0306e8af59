import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { migrate, pendingMigrations } from '../../src/store/migrate.ts';
import { createTestDatabase } from '../support/database.ts';
import { runSql } from '../support/template.ts';
import { temporaryFolder } from './support.ts';

const SCHEMA = 'datasource db {\n  provider = "postgresql"\n}\n';
const FIRST = `CREATE TABLE things (id int PRIMARY KEY, seen int NOT NULL DEFAULT 0);
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.seen := 1; RETURN NEW; END; $$;
CREATE TRIGGER see BEFORE INSERT ON things FOR EACH ROW EXECUTE FUNCTION see();`;
const SECOND = '-- no semicolon at the end, on purpose\nINSERT INTO things VALUES (1)';

let dir: string;
let url: string;

beforeEach(async () => {
  dir = temporaryFolder();
  const database = await createTestDatabase({ empty: true });
  onTestFinished(database.drop);
  url = database.url;
  await mkdir(join(dir, 'migrations'));
  await writeFile(join(dir, 'schema.prisma'), SCHEMA);
  await writeFile(join(dir, 'migrations', 'migration_lock.toml'), 'provider = "postgresql"\n');
  await addMigration('20260102000000_second', SECOND);
  await addMigration('20260101000000_first', FIRST);
});

async function addMigration(name: string, sql: string): Promise<void> {
  await mkdir(join(dir, 'migrations', name));
  await writeFile(join(dir, 'migrations', name, 'migration.sql'), sql);
}

const things = () => runSql(url, 'SELECT id, seen FROM things ORDER BY id');

test('migrations are applied oldest first, and not again', async () => {
  const names = ['20260101000000_first', '20260102000000_second'];
  const lines: string[] = [];
  expect(await pendingMigrations(url, { dir })).toEqual(names);

  expect(await migrate(url, { dir, log: (line) => lines.push(line) })).toEqual(names);
  expect(await pendingMigrations(url, { dir })).toEqual([]);
  expect(await migrate(url, { dir })).toEqual([]);

  expect(await things()).toEqual([{ id: 1, seen: 1 }]);
  expect(lines).toEqual(names.map((name) => `applied migration ${name}`));
});

test('six deploys at once apply each migration once', async () => {
  const applied = await Promise.all(Array.from({ length: 6 }, () => migrate(url, { dir })));

  expect(applied.flat().sort()).toEqual(['20260101000000_first', '20260102000000_second']);
  expect(await things()).toEqual([{ id: 1, seen: 1 }]);
});

test('a migration that fails leaves nothing of itself behind, and stays pending', async () => {
  await addMigration('20260103000000_broken', 'INSERT INTO things VALUES (2); INSERT INTO things VALUES (1);');

  await expect(migrate(url, { dir })).rejects.toThrow('20260103000000_broken');
  expect(await things()).toEqual([{ id: 1, seen: 1 }]);
  expect(await pendingMigrations(url, { dir })).toEqual(['20260103000000_broken']);
  await expect(migrate(url, { dir })).rejects.toThrow('20260103000000_broken'); // until someone has looked at it

  const other = await createTestDatabase({ empty: true });
  onTestFinished(other.drop);
  await cp(join(dir, 'migrations', '20260101000000_first'), join(dir, 'other', 'migrations', '20260101000000_first'), {
    recursive: true,
  });
  for (const file of ['schema.prisma', 'migrations/migration_lock.toml'])
    await cp(join(dir, file), join(dir, 'other', file));
  expect(await migrate(other.url, { dir: join(dir, 'other') })).toHaveLength(1); // the engine is none the worse
});

test('an unreachable database is reported as pg does', async () => {
  await expect(migrate('postgresql://a:b@127.0.0.1:9/c', { dir })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await expect(migrate(`${url}_missing`, { dir })).rejects.toMatchObject({ code: '3D000' });
});

test('pending migrations can be read through a pool', async () => {
  const pool = new pg.Pool({ connectionString: url });
  onTestFinished(() => pool.end());
  expect(await pendingMigrations(pool, { dir })).toHaveLength(2);
});

test('the timers of others are left alone while a migration runs', async () => {
  const original = globalThis.setTimeout;
  const running = migrate(url, { dir });
  const timers: NodeJS.Timeout[] = [];
  while (timers.length < 50) {
    expect(globalThis.setTimeout).toBe(original);
    timers.push(setTimeout(() => {}, 10_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await running;
  expect(timers.every((timer) => timer.hasRef())).toBe(true);
  for (const timer of timers) clearTimeout(timer);
});

test('the project’s own migrations are all applied to a test database', async () => {
  const database = await createTestDatabase();
  onTestFinished(database.drop);
  expect(await pendingMigrations(database.url)).toEqual([]);
});
