/** The health check that docker-compose.yml gives LocalStack, run as the container would, on this run's LocalStack. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, inject, it } from 'vitest';
import { parse } from 'yaml';

const compose = parse(readFileSync(new URL('../../docker-compose.yml', import.meta.url), 'utf8'));
const [, command] = compose.services.localstack.healthcheck.test as [string, string];

/** The exit code of the check against this port; compose writes $ as $$. */
async function check(port: number): Promise<number> {
  const shell = spawn('sh', ['-c', command.replaceAll('$$', '$').replace('4566', String(port))], { stdio: 'ignore' });
  return (await once(shell, 'exit'))[0];
}

/** The exit code where LocalStack answers this. */
async function checkAnswer(answer: object): Promise<number> {
  const server = createServer((_request, response) => response.end(JSON.stringify(answer))).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const code = await check((server.address() as AddressInfo).port);
  server.close();
  return code;
}

it('is healthy once the script has made the topology', async () => {
  expect(await check(inject('localStackPort'))).toBe(0);
});

it('is not healthy before, nor when the script failed', async () => {
  expect(await checkAnswer({ completed: true, scripts: [{ state: 'SUCCESSFUL' }] })).toBe(0);
  expect(await checkAnswer({ completed: false, scripts: [{ state: 'RUNNING' }] })).not.toBe(0);
  expect(await checkAnswer({ completed: true, scripts: [{ state: 'ERROR' }] })).not.toBe(0);
});
