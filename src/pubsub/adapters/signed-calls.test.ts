import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import { createConnections } from './http.ts';
import { createSignedCalls } from './signed-calls.ts';
import type { Credentials } from './sigv4.ts';
import { readSqsError } from './sqs-wire.ts';

it('renews credentials that are refused, once for all calls', async () => {
  const server = http.createServer((request, response) => {
    const fresh = request.headers['x-amz-security-token'] === 'second';
    response.writeHead(fresh ? 200 : 403).end(fresh ? 'good' : '{"__type":"ExpiredToken"}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const made = ['first', 'second', 'third'].map((sessionToken) => ({ ...KEYS, sessionToken }));
  let renewals = 0;
  const account = {
    destination: async () => ({ origin: `http://${host}`, host, path: '/', region: 'us-east-1', service: 'sqs' }),
    credentials: async (renew = false): Promise<Credentials> => made[renew ? ++renewals : renewals]!,
    close: () => {},
  };
  const connections = createConnections();
  const call = createSignedCalls(account, readSqsError);
  const request = { connections, timeoutMs: 5_000, contentType: 'text/plain', body: Buffer.from('b') };
  const texts = await Promise.all([1, 2, 3].map(() => call(request, (text) => text)));
  expect(texts).toEqual(['good', 'good', 'good']);
  expect(renewals).toBe(1);
  await connections.destroy();
  server.close();
});

const KEYS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };
