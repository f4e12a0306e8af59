import { startEmulator } from '../../src/embedded/index.ts';

/** SNS and SQS for one test file. */
export interface TestEmulator {
  /** What the AWS SDK takes as `endpoint`, with any region and credentials. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Starts an emulator of SNS and SQS that keeps everything in memory; it ends with the test process at the latest. */
export function startTestEmulator(): Promise<TestEmulator> {
  return startEmulator();
}
