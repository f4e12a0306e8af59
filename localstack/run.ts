/**
 * `npm run localstack`: LocalStack on 127.0.0.1 without Docker, with Postrider's topic and queues, until Ctrl-C. LOCALSTACK_PORT
 * (4566) is its port, PYTHON a Python 3.13 that is not found by itself; LOCALSTACK_DEBUG=1 shows what LocalStack writes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Log, silent } from '../src/embedded/log.ts';
import { isFree } from '../src/embedded/ports.ts';
import { startLocalStack } from './server.ts';
import { settingsFor } from './settings.ts';

const FOLDER = fileURLToPath(new URL('../.localstack/', import.meta.url));
const SETTINGS_FILE = `${FOLDER}postrider.env`;

const toConsole: Log = { ...silent, debug: (_fields, line) => console.error(line) };

async function main(): Promise<void> {
  const port = Number(process.env.LOCALSTACK_PORT || 4566);
  if (!(await isFree(port))) throw new Error(`port ${port} is taken: set LOCALSTACK_PORT to another one`);
  await mkdir(FOLDER, { recursive: true });
  console.log('Starting LocalStack, which takes 10 to 20 s');
  const localStack = await startLocalStack({
    port,
    root: `${FOLDER}root`,
    onInstall: (folder) => console.log(`Installing it first, once, in ${folder}: about a minute`),
    ...(process.env.LOCALSTACK_DEBUG && { log: toConsole }),
  });
  let asked = false;
  const stop = () => {
    asked = true;
    void localStack.stop();
  };
  process.on('SIGTERM', stop).on('SIGINT', stop);
  const lines = Object.entries(await settingsFor(localStack.endpoint)).map(([name, value]) => `${name}=${value}`);
  await writeFile(SETTINGS_FILE, `${lines.join('\n')}\n`);
  console.log(banner(localStack.endpoint, lines));
  const how = await localStack.exited;
  if (!asked) throw new Error(`LocalStack ended by itself (${how})`);
}

const banner = (endpoint: string, lines: readonly string[]) => `
LocalStack is at ${endpoint}; Ctrl-C ends it. Postrider's settings for it:

${lines.map((line) => `  export ${line}`).join('\n')}

In another terminal, Postrider on it, with a Postgres of its own:

  set -a; . .localstack/postrider.env; set +a; npm start
`;

await main().catch((error: Error) => {
  console.error(error.message);
  process.exitCode = 1;
});
