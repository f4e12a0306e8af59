import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** The version that requirements.lock was made for; LocalStack 4.14.0 does not even parse on 3.11. */
const VERSION = '3.13';

/** Fails without the parts of Python that some systems put in packages of their own. */
const PROBE = 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])';

const HINT = `LocalStack without Docker needs Python ${VERSION} with venv and pip: install it (pyenv install ${VERSION}, \
apt-get install python${VERSION}-venv, brew install python@${VERSION}), or set PYTHON to its path`;

/**
 * Finds Python 3.13: what PYTHON names, or else on the PATH, or else one of pyenv's.
 *
 * @throws saying what to install, when there is none
 */
export async function findPython(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const candidates = env.PYTHON ? [env.PYTHON] : [`python${VERSION}`, 'python3', ...(await ofPyenv(env))];
  for (const candidate of candidates) if (await isRight(candidate)) return candidate;
  throw new Error(env.PYTHON ? `PYTHON is ${env.PYTHON}, which will not do. ${HINT}` : HINT);
}

/** Being on the PATH says little: pyenv puts a program there for every version, which fails where it is not chosen. */
async function isRight(python: string): Promise<boolean> {
  return promisify(execFile)(python, ['-c', PROBE]).then(
    ({ stdout }) => stdout.trim() === VERSION,
    () => false,
  );
}

async function ofPyenv({ PYENV_ROOT = join(homedir(), '.pyenv') }: NodeJS.ProcessEnv): Promise<string[]> {
  const folder = join(PYENV_ROOT, 'versions');
  const versions = await readdir(folder).catch(() => []);
  const right = versions.filter((name) => name.startsWith(`${VERSION}.`)).sort();
  return right.map((name) => join(folder, name, 'bin', `python${VERSION}`));
}
