/** Applies `prisma/migrations` with Prisma's own schema engine, compiled to WebAssembly: no download, no native binary. */
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PrismaPg } from '@prisma/adapter-pg';
import { bindMigrationAwareSqlAdapterFactory } from '@prisma/driver-adapter-utils';
import * as bindings from '@prisma/schema-engine-wasm/schema_engine_bg';
import pg from 'pg';

export interface MigrationSource {
  /** The folder with `schema.prisma` and `migrations/`; by default the project's `prisma/`. */
  dir?: string | undefined;
}

export interface MigrateOptions extends MigrationSource {
  /** Receives one line for each migration applied. */
  log?: ((line: string) => void) | undefined;
}

/** What reads the migration history: a `pg` pool or client. */
export type MigrationHistory = Pick<pg.Pool, 'query'>;

const PROJECT_DIR = fileURLToPath(new URL('../../prisma', import.meta.url));

/**
 * Applies every migration that the database has not seen yet, oldest first, and answers with their names.
 *
 * Several deploys at once apply each migration once: the engine holds Prisma's advisory lock meanwhile, and the others
 * wait for it up to 10 s. A migration that fails is rolled back as a whole and recorded as failed; until someone resolves
 * that (`prisma migrate resolve`), no further one is applied.
 *
 * @throws when the database is not reachable (retrying is the caller's), or a migration fails or has failed before
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<string[]> {
  const dir = options.dir ?? PROJECT_DIR;
  const [schema, migrationsList] = await Promise.all([
    readFile(join(dir, 'schema.prisma'), 'utf8'),
    readMigrations(dir),
  ]);
  // One connection: the advisory lock belongs to a session, and the migrations must run in that same one.
  const pool = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  pool.on('error', ignore).on('connect', (client) => client.on('error', ignore));
  try {
    await pool.query('SELECT'); // an unreachable database is reported with pg's error codes; the engine has only words
    const engine = await newEngine(schema, pool);
    const names = await applyAll(engine, migrationsList).finally(() => engine.free());
    for (const name of names) options.log?.(`applied migration ${name}`);
    return names;
  } finally {
    await pool.end();
  }
}

/**
 * The names of the migrations that are not applied yet, oldest first; a failed one is among them. Changes nothing.
 *
 * @throws when the database is not reachable
 */
export async function pendingMigrations(
  database: string | MigrationHistory,
  source: MigrationSource = {},
): Promise<string[]> {
  const names = await migrationNames(source.dir ?? PROJECT_DIR);
  const applied = await appliedMigrations(database);
  return names.filter((name) => !applied.has(name));
}

async function appliedMigrations(database: string | MigrationHistory): Promise<Set<string>> {
  if (typeof database !== 'string') return readHistory(database);
  const client = new pg.Client({ connectionString: database });
  client.on('error', ignore);
  await client.connect();
  return readHistory(client).finally(() => client.end());
}

/**
 * For a connection lost while no query runs, which would otherwise end the process; the next query reports it. A pool takes
 * its own listener away as soon as it is told to end, when the server may still have something to say.
 */
function ignore(): void {}

async function readHistory(database: MigrationHistory): Promise<Set<string>> {
  const exists = await database.query(`SELECT to_regclass('_prisma_migrations') IS NOT NULL AS yes`);
  if (exists.rows[0]?.yes !== true) return new Set(); // before the first deploy
  const { rows } = await database.query<{ migration_name: string }>(
    'SELECT migration_name FROM _prisma_migrations WHERE finished_at IS NOT NULL AND rolled_back_at IS NULL',
  );
  return new Set(rows.map((row) => row.migration_name));
}

async function applyAll(engine: bindings.SchemaEngine, migrationsList: bindings.MigrationList): Promise<string[]> {
  const filters = { externalTables: [], externalEnums: [] };
  const { appliedMigrationNames } = await engine.applyMigrations({ migrationsList, filters });
  return appliedMigrationNames;
}

/** Their folders' names begin with a time, so sorting them puts the oldest first. */
async function migrationNames(dir: string): Promise<string[]> {
  const entries = await readdir(join(dir, 'migrations'), { withFileTypes: true });
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

async function readMigrations(dir: string): Promise<bindings.MigrationList> {
  const baseDir = join(dir, 'migrations');
  const names = await migrationNames(dir);
  const lockfile = {
    path: 'migration_lock.toml',
    content: await readFile(join(baseDir, 'migration_lock.toml'), 'utf8'),
  };
  const read = async (path: string) => {
    const value = await readFile(join(baseDir, path, 'migration.sql'), 'utf8');
    return { path, migrationFile: { path: 'migration.sql', content: { tag: 'ok' as const, value } } };
  };
  return { baseDir, lockfile, shadowDbInitScript: '', migrationDirectories: await Promise.all(names.map(read)) };
}

/**
 * Prisma's adapter splits a script at every `;` and sends the pieces one by one, which breaks `$$` bodies and leaves half a
 * migration behind when a piece fails. Without parameters, Postgres takes the whole script as one query, and as one
 * transaction.
 */
class WholeScripts extends PrismaPg {
  override async connect() {
    const adapter = await super.connect();
    adapter.executeScript = async (script) => {
      await adapter.executeRaw({ sql: script, args: [], argTypes: [] });
    };
    return adapter;
  }
}

async function newEngine(schema: string, pool: pg.Pool): Promise<bindings.SchemaEngine> {
  await loadEngine();
  const adapters = bindMigrationAwareSqlAdapterFactory(new WholeScripts(pool));
  return bindings.SchemaEngine.new({ datamodels: [['schema.prisma', schema]] }, () => {}, adapters);
}

let loading: Promise<void> | undefined;

function loadEngine(): Promise<void> {
  loading ??= instantiate();
  return loading;
}

/**
 * Instantiates the engine by hand, not by importing the package's entry file, for two reasons: Node calls importing
 * WebAssembly experimental and warns; and the engine leaves a timer of 10 s behind (its wait for the advisory lock), which
 * would keep a finished deploy alive that long. Here the engine, and nobody else, gets a `setTimeout` that does not.
 */
async function instantiate(): Promise<void> {
  const file = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg');
  const imports = Object.entries(bindings).map(([name, value]) =>
    name.startsWith('__wbg_setTimeout_') ? [name, unreferencedTimeout] : [name, value],
  );
  const { instance } = await WebAssembly.instantiate(await readFile(file.replace(/\.js$/, '.wasm')), {
    './schema_engine_bg.js': Object.fromEntries(imports),
  });
  (bindings as unknown as Glue).__wbg_set_wasm(instance.exports);
  instance.exports.__wbindgen_start();
}

function unreferencedTimeout(callback: () => void, ms: number): NodeJS.Timeout {
  return setTimeout(callback, ms).unref();
}

/** What the generated bindings export besides their typed API. */
interface Glue {
  __wbg_set_wasm(exports: EngineExports): void;
}

interface EngineExports {
  __wbindgen_start(): void;
}

/** TypeScript declares WebAssembly for browsers only. */
declare const WebAssembly: {
  instantiate(code: Uint8Array, imports: object): Promise<{ instance: { exports: EngineExports } }>;
};
