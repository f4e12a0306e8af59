import type pg from 'pg';
import { pendingMigrations } from './migrate.ts';

/** Can the store be used right now, and why not. */
export type ReadinessCheck = { readonly name: string; readonly ok: boolean; readonly detail?: string };

/** Asks Postgres; once its schema was seen to be up to date, it is not compared again. */
export function createReadiness(pool: pg.Pool, onError: (error: unknown) => void): () => Promise<ReadinessCheck[]> {
  let migrated = false;

  async function database(): Promise<ReadinessCheck> {
    try {
      if (migrated) await pool.query('SELECT 1');
      else {
        const pending = await pendingMigrations(pool);
        if (pending.length > 0) return { name: 'database', ok: false, detail: `to be migrated: ${pending.join(', ')}` };
        migrated = true;
      }
      return { name: 'database', ok: true };
    } catch (error) {
      onError(error); // for the log only: it can name hosts and users
      return { name: 'database', ok: false, detail: 'the database cannot be reached' };
    }
  }

  return async () => [await database()];
}
