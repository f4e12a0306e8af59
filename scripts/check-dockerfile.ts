/** Lints the Dockerfile with hadolint, which is a program of its own; PyPI has it for Linux, macOS and Windows. Not in `npm run check`, which needs nothing but Node. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureVenv } from '../localstack/venv.ts';

const lock = new URL('./hadolint.lock', import.meta.url);
const dockerfile = fileURLToPath(new URL('../Dockerfile', import.meta.url));

const bin = await ensureVenv({ name: 'hadolint', lock });
const { status, error } = spawnSync(join(bin, 'hadolint'), ['--failure-threshold', 'info', dockerfile], {
  stdio: 'inherit',
});
if (error) throw error;
if (status === 0) console.log('hadolint: no complaints');
process.exitCode = status ?? 1;
