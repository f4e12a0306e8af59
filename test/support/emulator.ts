import { setTimeout as delay } from 'node:timers/promises';
import { inject } from 'vitest';
import { startEmulator } from '../../src/embedded/index.ts';
import { createGate } from './gate.ts';

/** SNS and SQS for one test file. */
export interface TestEmulator {
  /** What the AWS SDK takes as `endpoint`, with any region and credentials. */
  readonly endpoint: string;
  /** An outage under load: the embedded emulator is killed, and comes back by itself; LocalStack is cut off for a second. */
  interrupt(): Promise<void>;
  /** From now on it cannot be reached. */
  stop(): Promise<void>;
  /** After a stop: it can be reached again, at the same endpoint where it keeps its data in a folder. */
  start(): Promise<void>;
}

const OUTAGE_MS = 1_000;

/** Whether this run is on one LocalStack that all files share, rather than on an embedded emulator for each. */
export const onLocalStack = (): boolean => inject('localStackPort') !== undefined;

/** How often a test repeats: LocalStack takes some 500 messages a second where the embedded emulator takes 5,000. */
export const times = (embedded: number, localStack: number): number => (onLocalStack() ? localStack : embedded);

/**
 * SNS and SQS of this run: an embedded emulator, which keeps everything in memory unless `dataDir` is given, and ends with the
 * test process at the latest; or a gate to the LocalStack of `npm run test:localstack`.
 */
export async function startTestEmulator(options: { dataDir?: string } = {}): Promise<TestEmulator> {
  const port = inject('localStackPort');
  return port === undefined ? embedded(options) : shared(port);
}

async function embedded(options: { dataDir?: string }): Promise<TestEmulator> {
  let emulator = await startEmulator(options);
  return {
    endpoint: emulator.endpoint,
    interrupt: async () => {
      process.kill(emulator.pid, 'SIGKILL');
    },
    stop: () => emulator.stop(),
    start: async () => {
      emulator = await startEmulator(options);
    },
  };
}

async function shared(port: number): Promise<TestEmulator> {
  const gate = createGate(port);
  return {
    endpoint: `http://127.0.0.1:${await gate.open()}`,
    interrupt: async () => {
      await gate.shut();
      await delay(OUTAGE_MS);
      await gate.open();
    },
    stop: () => gate.shut(),
    start: async () => {
      await gate.open();
    },
  };
}
