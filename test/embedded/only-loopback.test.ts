import { once } from 'node:events';
import { connect } from 'node:net';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { startTestEmulator, type TestEmulator } from '../support/emulator.ts';

let emulator: TestEmulator;
beforeAll(async () => {
  emulator = await startTestEmulator();
});
afterAll(() => emulator.stop());

async function accepts(host: string, port: string): Promise<boolean> {
  const socket = connect({ host, port: Number(port), timeout: 1_000 });
  socket.once('timeout', () => socket.destroy(new Error('timeout')));
  return once(socket, 'connect')
    .then(() => true)
    .catch(() => false)
    .finally(() => socket.destroy());
}

/** Every address but 127.0.0.1 at which a service that listens everywhere would answer. */
function otherAddresses(): string[] {
  const own = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return ['127.0.0.2', '::1', ...own.filter((address) => !address.internal).map(({ address }) => address)];
}

test.each([
  ['Postgres', () => new URL(inject('postgresUrl')).port],
  ['the emulator', () => new URL(emulator.endpoint).port],
])('%s answers on 127.0.0.1 and nowhere else', async (_, port) => {
  expect(await accepts('127.0.0.1', port())).toBe(true);
  for (const host of otherAddresses())
    expect({ host, accepts: await accepts(host, port()) }).toEqual({ host, accepts: false });
});
