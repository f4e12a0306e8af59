import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { descendants, isRunning } from './support/processes.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { until } from './support/until.ts';

let dataDir: string;
let receiver: Receiver;
let running: ChildProcess | undefined;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'postrider-tree-'));
  receiver = await startReceiver();
});
afterAll(async () => {
  running?.kill('SIGTERM');
  if (running) await new Promise((resolve) => running?.once('exit', resolve));
  await receiver.close();
  await rm(dataDir, { recursive: true, force: true });
});

/** `npm start` as a user would, but for its port. */
async function start(): Promise<string> {
  const env = { ...process.env, DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'error', RETRY_SCHEDULE: '200ms,1s,1s,1s,1s' };
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  running = fork(main, { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  return new Promise((resolve) => running?.once('message', (message) => resolve((message as { url: string }).url)));
}

it('events accepted before a SIGKILL of all processes are delivered after the next start', async () => {
  const apiUrl = await start();
  const { adminApiKey } = JSON.parse(await readFile(join(dataDir, 'keys.json'), 'utf8'));
  const call = async (path: string, body: object) => {
    const headers = { authorization: `Bearer ${adminApiKey}`, 'content-type': 'application/json' };
    const response = await fetch(apiUrl + path, { method: 'POST', headers, body: JSON.stringify(body) });
    return { status: response.status, id: ((await response.json()) as { id: string }).id };
  };
  await call('/v1/partners', { id: 'acme', name: 'Acme' });
  const hook = { url: `${receiver.url}/hook`, eventTypes: ['*'] };
  expect((await call('/v1/partners/acme/subscriptions', hook)).status).toBe(201);
  receiver.answer('/hook', () => 503);
  const accepted: string[] = [];
  for (let n = 0; n < 100; n++) {
    const { status, id } = await call('/v1/events', { partnerId: 'acme', type: 'order.created', data: { n } });
    expect(status).toBe(202);
    accepted.push(id);
  }

  const tree = [running?.pid as number, ...descendants(running?.pid as number)];
  expect(tree.length).toBeGreaterThan(4);
  for (const pid of tree) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  await until(
    () => tree.filter(isRunning),
    (left) => left.length === 0,
  );

  receiver.answer('/hook', () => 200);
  const before = receiver.at('/hook').length;
  await start();
  const delivered = () =>
    new Set(
      receiver
        .at('/hook')
        .slice(before)
        .map(({ headers }) => headers['webhook-id']),
    );
  await until(
    () => accepted.filter((id) => !delivered().has(id)).length,
    (missing) => missing === 0,
    90_000,
  );
}, 180_000);
