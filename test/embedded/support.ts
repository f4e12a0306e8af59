import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile, readlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SQSClient } from '@aws-sdk/client-sqs';
import { onTestFinished } from 'vitest';

/** No test cuts the power; what a killed process has written, the system keeps without this. */
export const NO_SYNC = { fsync: 'off' };

/** A folder that is removed when the test has finished. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'postrider-embedded-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Looks every 20 ms until `look` answers with something, or returns without throwing. @throws what it threw last, after 15 s */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + 15_000;
  let last: unknown;
  while (performance.now() < deadline) {
    try {
      const answer = await look();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      last = error;
    }
    await delay(20);
  }
  throw new Error(`waited 15 s for ${what}`, { cause: last });
}

/** Whether the process has not ended; a zombie has. */
export async function isAlive(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  if (process.platform === 'linux') return status !== '' && !/\) Z /.test(status);
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** Resolves when all these processes have ended. */
export async function untilGone(...pids: number[]): Promise<void> {
  await until(`the end of processes ${pids.join(', ')}`, async () => {
    const alive = await Promise.all(pids.map(isAlive));
    return alive.every((one) => !one);
  });
}

/** The process id of the Postgres (not of its guard) that serves this folder. */
export async function postgresPid(dataDir: string): Promise<number> {
  const pid = Number.parseInt(await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8'), 10);
  if (process.platform === 'linux') await readlink(`/proc/${pid}/cwd`);
  return pid;
}

/** A parent process that runs the embedded services, for tests that kill it. */
export interface Parent {
  readonly process: ChildProcess;
  readonly databaseUrl: string;
  readonly awsEndpoint: string;
  /** Emulator, guard and Postgres. */
  readonly children: number[];
  kill(): Promise<void>;
}

/** Starts the embedded services in a parent process of their own. @throws with its stderr when they do not start */
export async function startParent(dataDir: string): Promise<Parent> {
  const child = fork(fileURLToPath(new URL('./parent.ts', import.meta.url)), [dataDir], {
    detached: true, // a process group of its own, as a terminal gives it
    execArgv: [],
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors += text;
  });
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  const children: number[] = [];
  onTestFinished(async () => {
    await kill();
    await untilGone(...children); // before their folder is removed
  });
  const failed = once(child, 'exit').then(() => {
    throw new Error(errors);
  });
  const [message] = await Promise.race([once(child, 'message'), failed]);
  const parent = message as Omit<Parent, 'process' | 'kill'>;
  children.push(...parent.children);
  return { ...parent, process: child, kill };
}

/** SIGKILLs all these processes, and waits until they are gone. */
export async function killAll(...pids: number[]): Promise<void> {
  for (const pid of pids) kill(pid);
  await untilGone(...pids);
}

/** A child may end by itself as soon as its parent is gone, before its own turn has come. */
function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** A client of the emulator. */
export function sqsAt(endpoint: string): SQSClient {
  const credentials = { accessKeyId: 'any', secretAccessKey: 'any' };
  return new SQSClient({ endpoint, region: 'us-east-1', credentials, useQueueUrlAsEndpoint: false });
}
