import { type ChildProcess, fork, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const TICK_US = 10_000; // USER_HZ is 100 on every Linux that Node runs on

const pathOf = (file: string) => fileURLToPath(new URL(file, import.meta.url));

/** A child of the bench that speaks over IPC. */
export interface Child {
  readonly pid: number;
  send(message: object): void;
  /** Resolves with the next message for which `pick` gives something. */
  next<T>(pick: (message: Record<string, unknown>) => T | undefined): Promise<T>;
  onMessage(listener: (message: Record<string, unknown>) => void): void;
  stop(): Promise<void>;
}

/** Starts a TypeScript file as a child process. Its output is shown when it is on stderr. */
export function startChild(file: string, env: Record<string, string> = {}, args: string[] = []): Child {
  const child = fork(pathOf(file), args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', process.env.BENCH_LOGS ? 'inherit' : 'ignore', 'inherit', 'ipc'],
  });
  return {
    pid: child.pid as number,
    send: (message) => child.send(message),
    next: (pick) => nextMessage(child, pick),
    onMessage: (listener) => child.on('message', (message) => listener(message as Record<string, unknown>)),
    stop: () => stopChild(child),
  };
}

function nextMessage<T>(child: ChildProcess, pick: (message: Record<string, unknown>) => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`${child.spawnargs.join(' ')} exited with ${code}`));
    const listen = (message: unknown) => {
      const picked = pick(message as Record<string, unknown>);
      if (picked === undefined) return;
      child.off('message', listen).off('exit', onExit);
      resolve(picked);
    };
    child.on('message', listen).once('exit', onExit);
  });
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

/** Runs a TypeScript file to its end and reads its output as JSON. */
export function runJson<T>(file: string, args: string[]): T {
  const { stdout, stderr, status } = spawnSync(process.execPath, [pathOf(file), ...args], { encoding: 'utf8' });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}

/** CPU time of a process and all below it so far, in µs: user and system, those that have ended included. */
export function cpuUs(pid: number): number {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc')) {
    const stat = /^\d+$/.test(name) ? readStat(Number(name)) : null;
    if (stat) children.set(stat.parent, [...(children.get(stat.parent) ?? []), Number(name)]);
  }
  const sum = (each: number): number =>
    (readStat(each)?.ticks ?? 0) + (children.get(each) ?? []).reduce((total, child) => total + sum(child), 0);
  return sum(pid) * TICK_US;
}

function readStat(pid: number): { parent: number; ticks: number } | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .map(Number);
    const [parent, utime, stime, cutime, cstime] = [1, 11, 12, 13, 14].map((index) => fields[index] as number);
    return {
      parent: parent as number,
      ticks: (utime as number) + (stime as number) + (cutime as number) + (cstime as number),
    };
  } catch {
    return null; // it has just ended
  }
}
