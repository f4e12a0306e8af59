import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTopicProbe, ensureTopology } from '../../src/pubsub/index.ts';
import { type Emulator, startEmulator } from './emulator.ts';
import { freshDefinition } from './harness.ts';

let emulator: Emulator;

beforeAll(async () => {
  emulator = await startEmulator();
});
afterAll(() => emulator.stop());

it('a topic that is there, and one that is not', async () => {
  const { topicArn } = await ensureTopology(freshDefinition(), emulator.aws);
  const [there, missing] = [topicArn, `${topicArn}-missing`].map((arn) =>
    createTopicProbe({ topicArn: arn, aws: emulator.aws }),
  );
  expect(await there?.check()).toEqual({ ok: true });
  expect(await missing?.check()).toEqual({ ok: false, detail: 'the topic does not exist' });
  there?.close();
  missing?.close();
});

it('nobody there, and a service that takes calls and never answers: known within its patience, told once', async () => {
  const calls: net.Socket[] = [];
  const server = net.createServer((socket) => calls.push(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  for (const at of [port, 1]) {
    const troubles: Error[] = [];
    const aws = { ...emulator.aws, endpoint: `http://127.0.0.1:${at}` };
    const topicArn = 'arn:aws:sns:us-east-1:000000000000:none';
    const probe = createTopicProbe({ topicArn, aws, retryMs: 0, onTrouble: (error) => troubles.push(error) });
    const since = performance.now();
    const states = await Promise.all([probe.check(), probe.check()]);
    expect(states).toEqual(Array(2).fill({ ok: false, detail: 'SNS cannot be reached' }));
    expect(performance.now() - since).toBeLessThan(8_000);
    await probe.check();
    expect(troubles).toHaveLength(1);
    probe.close();
  }
  expect(calls).toHaveLength(2); // those who asked together shared one
  for (const socket of calls) socket.destroy();
  server.close();
});
