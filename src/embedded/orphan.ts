import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Log } from './log.ts';

/** Milliseconds for each of: a fast shutdown, and the end after SIGKILL. */
const PATIENCE_MS = 5_000;
const LOOK_EVERY_MS = 20;

/**
 * Stops the Postgres that still runs on this folder because its guard was killed, and removes the process id of one that
 * does not run any more, should that id belong to another program by now: Postgres would take it for a living rival.
 *
 * @throws when the orphan does not end within 10 s
 */
export async function stopOrphan(folder: string, log: Log): Promise<void> {
  const pidFile = join(folder, 'postmaster.pid');
  const pid = Number.parseInt(await readFile(pidFile, 'utf8').catch(() => ''), 10);
  if (!(pid > 0)) return;
  const found = await whoIs(pid, folder);
  if (found === 'this-database') {
    log.warn({ pid }, 'a Postgres from an earlier run still serves this folder, stopping it');
    await end(pid, folder);
  }
  if (found === 'another-program') await rm(pidFile, { force: true });
}

async function end(pid: number, folder: string): Promise<void> {
  for (const signal of ['SIGINT', 'SIGKILL'] as const) {
    send(pid, signal);
    const deadline = performance.now() + PATIENCE_MS;
    while (performance.now() < deadline) {
      if ((await whoIs(pid, folder)) !== 'this-database') return;
      await delay(LOOK_EVERY_MS);
    }
  }
  throw new Error(`Postgres (process ${pid}) still runs on ${folder} and cannot be stopped`);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // it ended just now
  }
}

/** `unknown`: a Postgres, or a process we cannot look at: Postgres itself then decides. */
type Found = 'this-database' | 'another-program' | 'unknown';

async function whoIs(pid: number, folder: string): Promise<Found> {
  if (process.platform === 'linux') return whoIsOnLinux(pid, folder);
  if (process.platform === 'win32') return 'unknown';
  const command = await commandLine(pid);
  if (!command.includes('postgres')) return 'another-program';
  return command.includes(folder) ? 'this-database' : 'unknown';
}

/** Postgres's working directory is its data folder. A zombie has none, and counts as gone. */
async function whoIsOnLinux(pid: number, folder: string): Promise<Found> {
  const [directory, command] = await Promise.all([
    readlink(`/proc/${pid}/cwd`).catch(() => ''),
    readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => ''),
  ]);
  const isHere = directory === (await realpath(folder)) && command.includes('postgres');
  return isHere ? 'this-database' : 'another-program';
}

async function commandLine(pid: number): Promise<string> {
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout;
}
