// Generates the Prisma client. `prisma generate` never uses the schema engine, yet CLI 7.10 insists on having one on disk
// and would download it; any existing file satisfies that check, so generation needs nothing but the npm registry.
// Plain JavaScript, because npm may run this before the project's own Node is in place.
import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function findCli() {
  try {
    return createRequire(import.meta.url).resolve('prisma/build/index.js');
  } catch {
    return null; // installed without development dependencies: the client was generated before
  }
}

const cli = findCli();
if (cli) {
  const { status } = spawnSync(process.execPath, [cli, 'generate'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PRISMA_SCHEMA_ENGINE_BINARY: `${root}package.json`,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
      ...process.env,
    },
  });
  process.exit(status ?? 1);
}
