import { cp, mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { launchChild } from '../src/embedded/child.ts';
import { type Log, silent } from '../src/embedded/log.ts';
import type { GuardOptions } from './guard.ts';
import { ensureVenv } from './venv.ts';

export interface LocalStackOptions {
  /** The port of 127.0.0.1 to listen on. */
  readonly port: number;
  /** LocalStack's root folder: its own files, all of which are made anew at every start. */
  readonly root: string;
  readonly log?: Log;
  /** Called when LocalStack is installed first, which takes about a minute. */
  readonly onInstall?: (folder: string) => void;
}

/** A LocalStack that has Postrider's topology. Messages live in memory: a restart forgets them. */
export interface LocalStack {
  /** What the AWS SDK takes as `endpoint`. Any credentials do. */
  readonly endpoint: string;
  /** Resolves when the process has ended, with how it ended. */
  readonly exited: Promise<string>;
  /** Ends it, in 3 to 9 s. */
  stop(): Promise<void>;
}

/** 8 to 16 s on an idle machine. */
const START_TIMEOUT_MS = 120_000;

/** The guard gives LocalStack ten seconds. */
const STOP_TIMEOUT_MS = 12_000;

const HOOKS = new URL('./ready.d/', import.meta.url);
const TOPOLOGY = new URL('../topology.json', import.meta.url);
const LOCK = new URL('./requirements.lock', import.meta.url);

/**
 * Starts LocalStack on 127.0.0.1 without Docker, installing it if need be, with the same script that makes the topology in
 * its container. It ends with this process.
 *
 * @throws when there is no Python 3.13, or it does not come up, or the script fails; with the last lines it wrote
 */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { port, onInstall, log = silent } = options;
  const python = await localStackPython(onInstall);
  const root = resolve(options.root);
  await makeRoot(root);
  const endpoint = `http://127.0.0.1:${port}`;
  const guard: GuardOptions = { python, endpoint, env: environment(port, root) };
  const { exited, stop } = await launchChild({
    name: 'LocalStack',
    module: new URL('./guard.ts', import.meta.url),
    options: guard,
    startTimeoutMs: START_TIMEOUT_MS,
    stopTimeoutMs: STOP_TIMEOUT_MS,
    log,
    signal: new AbortController().signal,
  });
  return { endpoint, exited, stop };
}

/** The Python that has LocalStack and boto3, installed if need be. */
export async function localStackPython(onInstall?: (folder: string) => void): Promise<string> {
  return join(await ensureVenv({ name: 'localstack', lock: LOCK, ...(onInstall && { onInstall }) }), 'python');
}

async function makeRoot(root: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  const init = join(root, 'etc', 'localstack', 'init');
  await mkdir(init, { recursive: true });
  await cp(HOOKS, join(init, 'ready.d'), { recursive: true });
}

function environment(port: number, root: string): Record<string, string> {
  return {
    FILESYSTEM_ROOT: root,
    OVERRIDE_IN_DOCKER: '0', // in a container of somebody's own it would otherwise use /etc and /var/lib
    TOPOLOGY_FILE: fileURLToPath(TOPOLOGY),
    GATEWAY_LISTEN: `[::ffff:127.0.0.1]:${port}`, // 127.0.0.1 as such makes it listen on all interfaces
    SERVICES: 'sns,sqs',
    EAGER_SERVICE_LOADING: '1',
    SQS_ENDPOINT_STRATEGY: 'dynamic',
    DNS_ADDRESS: '0', // no name server
    DISABLE_EVENTS: '1', // no usage statistics
    SKIP_SSL_CERT_DOWNLOAD: '1',
  };
}
