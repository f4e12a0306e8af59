import { fork } from 'node:child_process';
import { once } from 'node:events';
import { inject } from 'vitest';
import type { AwsOptions } from '../../src/pubsub/index.ts';
import { createGate } from '../support/gate.ts';

/** An emulator behind a gate that can be shut: its messages survive what its clients see as an outage. */
export interface Emulator {
  aws: AwsOptions;
  /** Refuses connections and cuts those that exist, or lets them in again. */
  setDown(down: boolean): Promise<void>;
  stop(): Promise<void>;
}

/** One of its own, or the LocalStack of `npm run test:localstack`. */
export async function startEmulator(): Promise<Emulator> {
  const shared = inject('localStackPort');
  const { port, end } = shared === undefined ? await ownEmulator() : { port: shared, end: async () => undefined };
  const gate = createGate(port);
  const endpoint = `http://127.0.0.1:${await gate.open()}`;
  return {
    aws: { region: 'us-east-1', endpoint, credentials: { accessKeyId: 'test', secretAccessKey: 'test' } },
    setDown: async (down) => {
      await (down ? gate.shut() : gate.open());
    },
    async stop() {
      await gate.shut();
      await end();
    },
  };
}

async function ownEmulator(): Promise<{ port: number; end(): Promise<void> }> {
  const child = fork(new URL('./emulator-child.ts', import.meta.url), { execArgv: [] });
  const [{ port }] = (await once(child, 'message')) as [{ port: number }];
  const end = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return { port, end };
}
