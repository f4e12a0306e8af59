import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Binaries, giveTo, type Runner, run } from './binaries.ts';

export interface ClusterOptions {
  dataDir: string;
  binaries: Binaries;
  runner: Runner;
  /** Whether to wait until the new files are on the disk. */
  sync: boolean;
}

/** A database cluster's folder, and its superuser's password. */
export interface Cluster {
  folder: string;
  password: string;
}

export const USER = 'postrider';
const PASSWORD_FILE = 'postrider.password';
const UNFINISHED = 'postgres.unfinished-';

/**
 * Opens the database cluster in `dataDir`, or makes it. It is made in a folder of its own, with its password in it, and
 * then renamed: a process killed meanwhile leaves nothing half-made, only a folder that the next start removes.
 *
 * @throws when initdb fails
 */
export async function openCluster(options: ClusterOptions): Promise<Cluster> {
  const folder = join(options.dataDir, 'postgres');
  if (!existsSync(folder)) await makeCluster(options, folder);
  await removeUnfinished(options.dataDir);
  await giveTo(options.runner, folder);
  const password = (await readFile(join(folder, PASSWORD_FILE), 'utf8')).trim();
  return { folder, password };
}

async function makeCluster({ dataDir, binaries, runner, sync }: ClusterOptions, folder: string): Promise<void> {
  // A name of its own: an initdb whose parent was killed may still be running, and removes its folder when it fails.
  const unfinished = await mkdtemp(join(dataDir, UNFINISHED));
  const made = join(unfinished, 'cluster');
  const passwordFile = join(unfinished, 'password');
  await writeFile(passwordFile, randomBytes(24).toString('base64url'), { mode: 0o600 });
  await giveTo(runner, unfinished);
  const args = ['-D', made, '-U', USER, `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '-E', 'UTF8'];
  const locale = ['--no-locale', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  await run(runner, binaries.initdb, [...args, ...locale, ...(sync ? [] : ['--no-sync'])]);
  await rename(passwordFile, join(made, PASSWORD_FILE));
  await rename(made, folder);
}

async function removeUnfinished(dataDir: string): Promise<void> {
  const names = (await readdir(dataDir)).filter((name) => name.startsWith(UNFINISHED));
  // An initdb that outlived its parent may be writing there still: a second for it to notice, then it is left to the next start.
  const patiently = { recursive: true, force: true, maxRetries: 4, retryDelay: 100 };
  for (const name of names) await rm(join(dataDir, name), patiently).catch(() => {});
}
