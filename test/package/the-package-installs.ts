import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../../src/embedded/ports.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));

/** As in a shell of the user's own: npm run has put this project's programs in front of the path. */
const { PATH = '', HOME, TMPDIR } = process.env;
const path = PATH.split(delimiter)
  .filter((folder) => !folder.startsWith(root))
  .join(delimiter);

const USE = `import { createPublisher, createSnsTransport, type Publisher } from 'postrider/pubsub';

const transport = createSnsTransport({ topicArn: 'arn:aws:sns:us-east-1:0:t', aws: { region: 'us-east-1' } });
export const publisher: Publisher = createPublisher({ transport });
// @ts-expect-error a number is no topic
createSnsTransport({ topicArn: 1 });
`;

describe('the package', () => {
  let folder: string;

  const inFolder = (command: string, args: string[], env = {}) =>
    run(command, args, { cwd: folder, env: { PATH: path, HOME, TMPDIR, ...env } });

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'postrider-package-'));
    const { stdout } = await run('npm', ['pack', '--json', '--silent', '--pack-destination', folder], { cwd: root });
    const packed: unknown = JSON.parse(stdout.slice(stdout.search(/^[[{]/m)));
    const [{ filename, files }] = Object.values(packed as object) as [{ filename: string; files: { path: string }[] }];
    expect(files.filter(({ path: file }) => /\.test\.|^(src|test|scripts)\//.test(file))).toEqual([]);
    await writeFile(join(folder, 'package.json'), '{ "private": true, "type": "module" }');
    await inFolder('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', `./${filename}`]);
  });
  afterAll(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  it('brings the command line', async () => {
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')) as { version: string };
    expect((await inFolder('npx', ['--no-install', 'postrider', '--version'])).stdout).toBe(`${version}\n`);
  });

  it('starts the whole service, with nothing else installed, and ends it cleanly', async () => {
    const port = String(await freePort());
    // What npx runs, without the shell that npx puts between: it would take the signal for itself.
    const PATH = [join(folder, 'node_modules/.bin'), path].join(delimiter);
    const env = { PATH, HOME, TMPDIR, PORT: port, DATA_DIR: join(folder, 'data'), LOG_LEVEL: 'warn' };
    const service = spawn('postrider', ['start'], { cwd: folder, env });
    try {
      await until(
        () => health(port),
        (status) => status === 200,
        50_000,
      );
      const doctor = await inFolder('npx', ['--no-install', 'postrider', 'doctor'], {
        POSTRIDER_URL: `http://127.0.0.1:${port}`,
        DATA_DIR: join(folder, 'data'),
      });
      expect(doctor.stdout).toMatch(/^✓ API key: accepted/m);
      expect(await stop(service, 'SIGTERM')).toBe(0);
    } finally {
      await stop(service, 'SIGKILL');
    }
  });

  it('exports the publish/subscribe library, with its types', async () => {
    await writeFile(join(folder, 'use.ts'), USE);
    const { stdout } = await inFolder(process.execPath, [
      '--input-type=module',
      '--eval',
      `const { publisher } = await import('./use.ts'); console.log(typeof publisher.publish); await publisher.close()`,
    ]);
    expect(stdout).toBe('function\n');
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const strict = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--module', 'nodenext', '--target', 'es2024'];
    await inFolder(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...strict, ...types, 'use.ts']);
  });

  it('leaves the project itself on its sources', async () => {
    const args = ['--conditions=postrider-source', '--eval', `console.log(import.meta.resolve('postrider/pubsub'))`];
    const { stdout } = await run(process.execPath, ['--input-type=module', ...args], { cwd: root });
    expect(stdout).toMatch(/\/src\/pubsub\/index\.ts\n$/);
  });
});

async function health(port: string): Promise<number> {
  return fetch(`http://127.0.0.1:${port}/health`).then(
    ({ status }) => status,
    () => 0,
  );
}

async function stop(service: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (service.exitCode !== null || service.signalCode !== null) return service.exitCode;
  const exited = new Promise<number | null>((resolve) => service.once('exit', resolve));
  service.kill(signal);
  return exited;
}
