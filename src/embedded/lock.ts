import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** Somebody else holds the lock. `pid` is theirs, when they left it. */
export class LockedError extends Error {
  override readonly name = 'LockedError';
  readonly pid: number | undefined;

  constructor(message: string, pid: number | undefined) {
    super(message);
    this.pid = pid;
  }
}

/** A lock held by this process until `release`, or until the process ends, however it ends. */
export interface Lock {
  /** Gives the lock back. Calling it again changes nothing. */
  release(): void;
}

/** A process that was killed a moment ago holds its lock until the last of its threads has ended. */
const WAIT_MS = 1_000;

// A lock that the garbage collector could close would not be one.
const held = new Set<DatabaseSync>();

/**
 * Takes the lock `file`, for this process alone.
 *
 * The operating system holds it (SQLite's exclusive file lock), so a SIGKILL frees it at once, and no stale process id can
 * be mistaken for a living one: in a container the same few ids come back at every start. `<file>.pid` only serves
 * the message.
 *
 * @param waitMs how long to wait for the present holder, in milliseconds; 0 fails at once. Default 1,000
 * @throws {LockedError} when somebody else, or this process itself, still holds it
 */
export function takeLock(file: string, what: string, waitMs = WAIT_MS): Lock {
  const database = new DatabaseSync(file, { timeout: waitMs });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw isBusy(error) ? lockedError(file, what) : error;
  }
  held.add(database);
  writeFileSync(`${file}.pid`, `${process.pid}\n`);
  return { release: () => release(database, file) };
}

function release(database: DatabaseSync, file: string): void {
  if (!held.delete(database)) return;
  rmSync(`${file}.pid`, { force: true });
  database.close();
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === 5; // SQLITE_BUSY
}

function lockedError(file: string, what: string): LockedError {
  const pid = readPid(`${file}.pid`);
  const who = pid === undefined ? 'another process' : `process ${pid}`;
  return new LockedError(`${what} is in use by ${who}: stop it, or choose another DATA_DIR`, pid);
}

function readPid(file: string): number | undefined {
  try {
    return Number.parseInt(readFileSync(file, 'utf8'), 10) || undefined;
  } catch {
    return undefined; // the holder is just arriving or leaving
  }
}
