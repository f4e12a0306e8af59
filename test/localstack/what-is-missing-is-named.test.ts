import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { findPython } from '../../localstack/python.ts';

it('says what to install where there is no Python 3.13', async () => {
  const nothing = await mkdtemp(join(tmpdir(), 'postrider-no-python-'));
  const before = process.env.PATH;
  process.env.PATH = nothing;
  const found = findPython({ PYENV_ROOT: nothing }).finally(() => {
    process.env.PATH = before;
  });
  await expect(found).rejects.toThrow(/needs Python 3\.13 .*or set PYTHON/);
  await rm(nothing, { recursive: true });
});

it('does not take another Python for it when PYTHON names one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'postrider-old-python-'));
  const old = join(folder, 'python');
  await writeFile(old, '#!/bin/sh\necho 3.11\n', { mode: 0o755 });
  await expect(findPython({ PYTHON: old })).rejects.toThrow(`PYTHON is ${old}, which will not do`);
  await rm(folder, { recursive: true });
});
