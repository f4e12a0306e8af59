/**
 * Runs Postgres as its child, and stops it when the parent process is gone: Postgres cannot notice that by itself.
 * Started by `postgres.ts`. When the guard itself is killed, Postgres lives on until the next start (`orphan.ts`).
 */
import { spawn } from 'node:child_process';
import { childOptions, onParentGone, tellReady } from './parent.ts';

export interface GuardOptions {
  command: string;
  args: string[];
  /** Run as this user and group; by default as this process does. */
  uid?: number | undefined;
  gid?: number | undefined;
}

/** Milliseconds for a fast shutdown, before SIGKILL. What is committed is safe either way: the next start replays the log. */
const FAST_SHUTDOWN_MS = 5_000;

function main({ command, args, uid, gid }: GuardOptions): void {
  const who = uid === undefined || gid === undefined ? {} : { uid, gid };
  const postgres = spawn(command, args, { ...who, stdio: ['ignore', 'ignore', 'pipe'] });
  postgres.once('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  postgres.once('close', (code) => process.exit(code ?? 1));

  let unread = '';
  let ready = false;
  postgres.stderr.setEncoding('utf8').on('data', (text: string) => {
    process.stderr.write(text);
    if (ready) return;
    unread += text;
    ready = unread.includes('database system is ready to accept connections');
    if (ready) tellReady({});
  });

  onParentGone(() => {
    postgres.kill('SIGINT'); // "fast": ends sessions, writes a checkpoint
    setTimeout(() => postgres.kill('SIGKILL'), FAST_SHUTDOWN_MS);
  });
}

main(childOptions<GuardOptions>());
