import pRetry, { AbortError } from 'p-retry';
import pg from 'pg';

/** SQLSTATE classes and codes that pass by themselves: connection trouble, shutdown and start-up, deadlock, resources. */
const TRANSIENT = /^(08...|53...|57P0[1-5]|57014|40001|40P01|55P03|25006)$/;

/** How pg, its pool and the migration engine name the end of a connection, or a server that does not answer in time. */
const CONNECTION =
  /Connection terminated|Query read timeout|timeout exceeded when trying to connect|connection error|Client was closed|advisory lock/i;

/** Would the same call work later? Bugs would not, and are not to be repeated in silence. */
function isTransient(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error instanceof pg.DatabaseError) return TRANSIENT.test(error.code ?? '');
  if (error instanceof AggregateError) return error.errors.every(isTransient);
  return /^E[A-Z_]+$/.test((error as NodeJS.ErrnoException).code ?? '') || CONNECTION.test(error.message);
}

export interface UntilStoredOptions {
  /** Gives up with its reason. */
  readonly signal: AbortSignal;
  readonly onRetry?: (error: Error, attempt: number) => void;
}

/**
 * Calls until Postgres has answered, for as long as it takes: what is in hand cannot be put down before it is stored. Waits 50 ms
 * to 2 s between calls. Throws what will not pass by itself, and when the signal aborts.
 */
export function untilStored<T>(call: () => Promise<T>, { signal, onRetry }: UntilStoredOptions): Promise<T> {
  const once = async () => {
    try {
      return await call();
    } catch (error) {
      throw isTransient(error) ? error : new AbortError(error as Error);
    }
  };
  return pRetry(once, {
    retries: Number.POSITIVE_INFINITY,
    minTimeout: 50,
    maxTimeout: 2_000,
    randomize: true,
    signal,
    onFailedAttempt: ({ error, attemptNumber }) => onRetry?.(error, attemptNumber),
  });
}
