import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { until } from '../support/until.ts';

const CLI = fileURLToPath(new URL('../../src/cli.ts', import.meta.url));

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Only what a command is given counts: not what whoever runs the tests has set. */
function start(args: readonly string[], env: Environment): ChildProcess {
  const { PATH, HOME, TMPDIR } = process.env;
  return spawn(process.execPath, [CLI, ...args], { env: { PATH, HOME, TMPDIR, DATA_DIR: '/nonexistent', ...env } });
}

/** Runs `postrider …` to its end. */
export function postrider(args: readonly string[], env: Environment = {}, input: string | Buffer = ''): Promise<Ran> {
  const child = start(args, env);
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name]?.setEncoding('utf8').on('data', (text: string) => {
      texts[name] += text;
    });
  }
  child.stdin?.on('error', () => undefined).end(input); // not every command reads it
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, ...texts }));
  });
}

/** The JSON that `postrider … --json` prints. */
export async function postriderJson<T>(args: readonly string[], env: Environment, input = ''): Promise<T> {
  const { code, stdout, stderr } = await postrider([...args, '--json'], env, input);
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr}`);
  return JSON.parse(stdout) as T;
}

/** A command that runs until it is told to end. */
export interface Running {
  readonly lines: readonly string[];
  /** Resolves with the first line, from `after` on, that matches. */
  line(pattern: RegExp, after?: number): Promise<string>;
  /** As Ctrl-C; resolves with the exit code. */
  interrupt(): Promise<number | null>;
}

export function startPostrider(args: readonly string[], env: Environment): Running {
  const child = start(args, env);
  const lines: string[] = [];
  for (const input of [child.stdout, child.stderr]) {
    if (input) createInterface({ input }).on('line', (line) => lines.push(line));
  }
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  return {
    lines,
    line: async (pattern, after = 0) => {
      await until(
        () => lines.slice(after),
        (seen) => seen.some((line) => pattern.test(line)),
        15_000,
      );
      return lines.slice(after).find((line) => pattern.test(line)) as string;
    },
    interrupt: () => {
      child.kill('SIGINT');
      return exited;
    },
  };
}
