import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../src/embedded/ports.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;
let url: string;

beforeAll(async () => {
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  [service, receiver] = await Promise.all([startService({ env: { METRICS_PORT: String(port) } }), startReceiver()]);
});
afterAll(async () => {
  await service.stop();
  await receiver.close();
});

const get = async (path: string) => {
  const response = await fetch(`${url}${path}`);
  return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
};

it('answers /health, /ready and /metrics without a key', async () => {
  expect(await get('/health')).toMatchObject({ status: 200, text: '{"status":"ok"}' });
  const ready = await get('/ready');
  expect([ready.status, JSON.parse(ready.text)]).toEqual([
    200,
    {
      ready: true,
      checks: [
        { name: 'database', ok: true },
        { name: 'consumers', ok: true },
      ],
    },
  ]);
  const metrics = await get('/metrics');
  expect(metrics).toMatchObject({ status: 200, type: 'text/plain; version=0.0.4; charset=utf-8' });
  expect(metrics.text).toContain('\npostrider_messages_received_total{lane="live"} 0\n');
  expect((await get('/elsewhere')).status).toBe(404);
});

it('the API has its own, for admin keys', async () => {
  const ask = (key: string) => fetch(`${service.apiUrl}/metrics`, { headers: { authorization: `Bearer ${key}` } });
  expect((await ask('postrider_not_a_key_of_anybody')).status).toBe(401);
  const answer = await ask(service.adminKey);
  expect(answer.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(await answer.text()).toContain('\npostrider_events_accepted_total{lane="live"} 0\n');
  const { body: publish } = await service.call<{ key: string }>('POST', '/v1/api-keys', {
    name: 'p',
    scope: 'publish',
  });
  expect((await ask(publish.key)).status).toBe(403);
});

it('a port that is taken is said, and ends the start', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await until(() => taken.listening, Boolean);
  const { port } = taken.address() as AddressInfo;
  const child = fork(fileURLToPath(new URL('../src/worker.ts', import.meta.url)), {
    env: { ...process.env, ...service.env, METRICS_PORT: String(port), LOG_LEVEL: 'fatal' },
    execArgv: [],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  let output = '';
  child.stdout?.on('data', (chunk) => {
    output += chunk;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  taken.close();
  expect(code).toBe(1);
  expect(output).toContain(`METRICS_PORT ${port} is taken`);
});

it('on SIGTERM it is not ready first, and goes on answering while it finishes what it has in hand', async () => {
  let release: (status: number) => void = () => undefined;
  receiver.answer('/slow', () => new Promise<number>((resolve) => (release = resolve)));
  await service.addPartner('acme', [`${receiver.url}/slow`]);
  await service.publish('acme');
  await receiver.arrived('/slow', 1);
  const stopped = service.workers[0]?.kill('SIGTERM');
  const ready = await until(
    () => get('/ready'),
    ({ status }) => status === 503,
  );
  expect(JSON.parse(ready.text).checks).toContainEqual({
    name: 'consumers',
    ok: false,
    detail: 'the worker is starting or stopping',
  });
  expect((await get('/metrics')).text).toContain('\npostrider_attempts_in_flight{kind="first"} 1\n');
  release(200);
  expect(await stopped).toBe(0);
  expect(await service.deliveryStates()).toEqual({ succeeded: 1 });
});

it('while Postgres is away at the start a worker is alive, not ready, and ends cleanly when told to', async () => {
  const port = await freePort();
  const nobody = await freePort();
  const child = fork(fileURLToPath(new URL('../src/worker.ts', import.meta.url)), {
    env: {
      ...process.env,
      ...service.env,
      METRICS_PORT: String(port),
      DATABASE_URL: `postgresql://postrider@127.0.0.1:${nobody}/postrider`,
      LOG_LEVEL: 'silent',
    },
    execArgv: [],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const status = (path: string) =>
    fetch(`http://127.0.0.1:${port}${path}`).then(
      (response) => response.status,
      () => null,
    );
  await until(
    () => status('/health'),
    (answer) => answer === 200,
  );
  expect(await status('/ready')).toBe(503);
  child.kill('SIGTERM');
  expect(await exited).toBe(0);
});
