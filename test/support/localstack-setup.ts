import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startLocalStack } from '../../localstack/server.ts';
import { freePort } from '../../src/embedded/ports.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** The port of 127.0.0.1 on which this run's LocalStack is; undefined where each file starts the embedded emulator. */
    localStackPort: number;
  }
}

/** One LocalStack for the whole run: 10 s, and a minute more where it has to be installed. LOCALSTACK_PORT names one that is up. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const running = Number(process.env.LOCALSTACK_PORT);
  if (running) {
    project.provide('localStackPort', running);
    return async () => undefined;
  }
  const root = await mkdtemp(join(tmpdir(), 'postrider-localstack-'));
  const removeRoot = () => rm(root, { recursive: true, force: true });
  const port = await freePort();
  const onInstall = (folder: string) => console.log(`Installing LocalStack in ${folder}: about a minute`);
  try {
    const localStack = await startLocalStack({ port, root, onInstall });
    project.provide('localStackPort', port);
    return () => localStack.stop().finally(removeRoot);
  } catch (error) {
    await removeRoot();
    throw error;
  }
}
