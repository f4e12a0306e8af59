/** Runs fauxqs, an emulator of Amazon SNS and SQS, in a process of its own. Started by `emulator.ts`. */
import { Server } from 'node:net';
import { join } from 'node:path';
import { startFauxqs } from 'fauxqs';
import { takeLock } from './lock.ts';
import { childOptions, onParentGone, tellReady } from './parent.ts';
import { freePort } from './ports.ts';

export interface EmulatorChildOptions {
  /** Where messages are kept; without it, in memory. */
  dataDir?: string | undefined;
  port?: number | undefined;
  /** Whether another port will do when that one is taken. */
  mayMove: boolean;
}

/** Milliseconds to wait for a predecessor that has not noticed yet that its parent was killed. */
const PREDECESSOR_MS = 5_000;
/** Milliseconds for open long polls to end; everything is on disk already. */
const CLOSE_MS = 1_000;

/** fauxqs always listens on 0.0.0.0; an emulator without passwords belongs on loopback. */
function listenOnLoopbackOnly(): void {
  const listen = Server.prototype.listen as (this: Server, ...args: unknown[]) => Server;
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    const [options, ...rest] = args;
    if (typeof options !== 'object' || options === null) return listen.apply(this, args);
    return listen.call(this, { ...options, host: '127.0.0.1' }, ...rest);
  };
}

/**
 * SQS takes every character XML 1.0 allows, up to U+10FFFF; fauxqs 2.4.1 stops at U+FFFD and so rejects emoji. The
 * expression is not part of its public exports, hence the path; lone surrogates stay forbidden.
 * https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
 */
async function allowAllUnicode(): Promise<void> {
  const types = new URL('./sqs/sqsTypes.js', import.meta.resolve('fauxqs'));
  const { INVALID_MESSAGE_BODY_CHAR: narrow } = (await import(types.href)) as { INVALID_MESSAGE_BODY_CHAR: unknown };
  if (!(narrow instanceof RegExp)) throw new Error('this version of fauxqs checks message bodies in another way');
  const invalid = /[^\t\n\r\u{20}-\u{D7FF}\u{E000}-\u{FFFD}\u{10000}-\u{10FFFF}]/u;
  narrow.test = (body) => invalid.test(body);
}

async function main({ dataDir, port: wanted, mayMove }: EmulatorChildOptions): Promise<void> {
  let stop = async () => {};
  onParentGone(() => {
    setTimeout(() => process.exit(0), CLOSE_MS).unref();
    void stop().finally(() => process.exit(0));
  });
  listenOnLoopbackOnly();
  await allowAllUnicode();
  if (dataDir !== undefined) takeLock(join(dataDir, 'running.lock'), dataDir, PREDECESSOR_MS);
  const port = mayMove || wanted === undefined ? await freePort(wanted) : wanted;
  const server = await startFauxqs({ port, logger: false, ...(dataDir === undefined ? {} : { dataDir }) });
  stop = () => server.stop();
  tellReady({ port: server.port });
}

await main(childOptions<EmulatorChildOptions>());
