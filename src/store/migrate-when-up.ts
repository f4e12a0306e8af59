import { migrate } from './migrate.ts';
import { untilStored } from './transient.ts';

/** Brings the schema up to date as soon as Postgres answers, however long that takes: start-up order does not matter. */
export async function migrateWhenUp(
  databaseUrl: string,
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void },
): Promise<void> {
  const applied = await untilStored(() => migrate(databaseUrl), {
    signal: new AbortController().signal,
    onRetry: (error, attempt) => log.warn({ err: error, attempt }, 'migrate.waiting'),
  });
  if (applied.length > 0) log.info({ applied }, 'migrate.applied');
}
