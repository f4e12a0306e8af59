import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { findPython } from './python.ts';

const execFileAsync = promisify(execFile);

/** pip's own progress says more than anybody reads; its complaints are kept. */
const PIP = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--no-deps'];

/** A pinned set of Python packages. */
export interface Requirements {
  /** What its folder is called. */
  readonly name: string;
  /** The list of packages, each with its version and without a hole: dependencies are not looked up. */
  readonly lock: URL;
  /** Called when they are installed: the first time takes about a minute. */
  readonly onInstall?: (folder: string) => void;
}

/**
 * Gives the `bin` folder of a virtual environment with these packages. It is made once for each state of the list, outside
 * of the checkout, so that a fresh clone has it, too: $XDG_CACHE_HOME/postrider/<name>-<hash>, by default in ~/.cache.
 *
 * @throws when there is no Python 3.13, or pip fails, with what it wrote
 */
export async function ensureVenv({ name, lock, onInstall }: Requirements): Promise<string> {
  const text = await readFile(lock);
  const hash = createHash('sha256').update(text).digest('hex').slice(0, 12);
  const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'postrider');
  const folder = join(cache, `${name}-${hash}`);
  if (!(await works(folder))) {
    const python = await findPython();
    onInstall?.(folder);
    await install(python, lock, cache, folder);
  }
  return join(folder, 'bin');
}

/** Also false where the Python that it was made with is gone. */
const works = (folder: string): Promise<boolean> =>
  execFileAsync(join(folder, 'bin', 'python'), ['--version']).then(
    () => true,
    () => false,
  );

/**
 * Under a name of its own, then renamed: an installation that is killed leaves nothing that looks finished, and two at once
 * do not meet. Programs that pip writes know the first name, so they are run as `python -m`.
 */
async function install(python: string, lock: URL, cache: string, folder: string): Promise<void> {
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(`${folder}.unfinished-`);
  try {
    await execFileAsync(python, ['-m', 'venv', unfinished]);
    await execFileAsync(join(unfinished, 'bin', 'python'), [...PIP, '-r', fileURLToPath(lock)]);
    if (!(await works(folder))) await rm(folder, { recursive: true, force: true });
    await rename(unfinished, folder).catch(async (error) => {
      if (!(await works(folder))) throw error; // or else another process was faster
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}
