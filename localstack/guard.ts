/**
 * Runs LocalStack as its child, says when it is ready, and stops it when the parent process is gone, which LocalStack cannot
 * notice by itself. Started by `server.ts`.
 */
import { spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { childOptions, onParentGone, tellReady } from '../src/embedded/parent.ts';

export interface GuardOptions {
  readonly python: string;
  readonly endpoint: string;
  readonly env: Readonly<Record<string, string>>;
}

/** What LocalStack says of the scripts in ready.d. */
interface Init {
  readonly completed: boolean;
  readonly scripts: readonly { readonly name: string; readonly state: string }[];
}

const LOOK_EVERY_MS = 200;

/** Milliseconds for a clean stop, which takes 3 to 9 s, before SIGKILL. Nothing is kept either way. */
const STOP_MS = 10_000;

function main({ python, endpoint, env }: GuardOptions): void {
  const localstack = spawn(python, ['-m', 'localstack.runtime.main'], {
    env: { ...ownEnvironment(), ...env },
    stdio: ['ignore', 2, 2],
  });
  localstack.once('error', (error) => fail(error.message));
  localstack.once('close', (code) => process.exit(code ?? 1));
  onParentGone(() => {
    localstack.kill('SIGTERM');
    setTimeout(() => localstack.kill('SIGKILL'), STOP_MS);
  });
  void untilInitialised(endpoint).then((failed) => {
    if (failed.length === 0) return tellReady({});
    localstack.kill('SIGKILL');
    fail(`failed in LocalStack: ${failed.join(', ')}`);
  });
}

/** A person's own profile and endpoints are none of LocalStack's business: it calls itself through the same library. */
function ownEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_')));
}

/** Its health is good before the scripts have run, and `completed` is true even if one of them failed. */
async function untilInitialised(endpoint: string): Promise<string[]> {
  for (;;) {
    const init = await fetch(`${endpoint}/_localstack/init/ready`).then(
      (response) => response.json() as Promise<Init>,
      () => null, // not listening yet
    );
    if (init?.completed) return init.scripts.filter(({ state }) => state !== 'SUCCESSFUL').map(({ name }) => name);
    await delay(LOOK_EVERY_MS);
  }
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}

main(childOptions<GuardOptions>());
