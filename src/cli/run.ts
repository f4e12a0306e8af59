import type { Command } from 'commander';
import { readConfig } from '../config.ts';
import { command } from './command.ts';
import { CliError } from './errors.ts';
import { note } from './output.ts';

/** The commands that are the service, or work on its database. Each loads what it runs only when it runs. */
export function runCommands(): Command[] {
  return [
    command('start', 'run everything in one process, with its own Postgres and SNS/SQS where none is configured', [
      'start',
      'start   # with DATA_DIR=/var/lib/postrider and PORT=9000 in the environment',
    ]).action(async () => (await import('../main.ts')).runAll()),
    command('api', 'run the HTTP API', ['api']).action(async () => (await import('../api.ts')).runApi()),
    command('worker', 'run a worker: it sends the webhooks', ['worker']).action(async () =>
      (await import('../worker.ts')).runWorker(),
    ),
    command('migrate', 'bring the schema of DATABASE_URL up to date (every start does it, too)', ['migrate']).action(
      migrateDatabase,
    ),
    command('reencrypt', 'encrypt all that is stored with the newest of ENCRYPTION_KEYS', ['reencrypt']).action(
      reencryptDatabase,
    ),
  ];
}

async function migrateDatabase(): Promise<void> {
  const { databaseUrl } = readConfig(process.env, 'database');
  if (!databaseUrl) {
    throw new CliError(
      'DATABASE_URL is missing: a PostgreSQL connection URL. postrider start migrates its own Postgres',
    );
  }
  const { migrate } = await import('../store/migrate.ts');
  const applied = await migrate(databaseUrl).catch((error: Error & { code?: string }) => {
    throw new CliError(`the database was not migrated: ${error.code ?? ''} ${error.message}`.trim());
  });
  console.log(applied.length > 0 ? `applied ${applied.join(', ')}` : 'up to date');
}

async function reencryptDatabase(): Promise<void> {
  const { databaseUrl, encryptionKeys } = readConfig(process.env, 'database');
  if (!databaseUrl || encryptionKeys.length === 0) {
    throw new CliError('DATABASE_URL and ENCRYPTION_KEYS are needed: the keys newest first, as the service has them');
  }
  const { createPool } = await import('../store/pool.ts');
  const { createCipher } = await import('../store/cipher.ts');
  const { reencrypt } = await import('../store/reencrypt.ts');
  const pool = createPool({ url: databaseUrl, max: 1, applicationName: 'postrider-reencrypt' });
  const { changed, unreadable } = await reencrypt(pool, createCipher(encryptionKeys)).finally(() => pool.end());
  console.log(`encrypted ${changed} with the newest key`);
  for (const { table, id, error } of unreadable) note(`${table} ${id}: ${error}`);
  if (unreadable.length > 0) throw new CliError(`${unreadable.length} could not be read and are as they were`);
}
