import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Emulator, type Postgres, startEmulator, startPostgres } from '../../src/embedded/index.ts';
import { runSql } from '../support/template.ts';
import { NO_SYNC, postgresPid, sqsAt, temporaryFolder, until, untilGone } from './support.ts';

let dataDir: string;
let restarts: string[];
const onRestart = (name: string) => restarts.push(name);

beforeEach(() => {
  dataDir = temporaryFolder();
  restarts = [];
});

/** Kills one process of the service and waits until the supervisor says that it is back. */
async function killAndWait(pid: number): Promise<void> {
  const before = restarts.length;
  process.kill(pid, 'SIGKILL');
  await until('the restart', () => restarts.length > before);
}

test('the emulator comes back on the same port', async () => {
  const emulator: Emulator = await startEmulator({ dataDir, onRestart });
  const { endpoint, pid } = emulator;

  await killAndWait(pid);

  expect(emulator).toMatchObject({ endpoint });
  expect(emulator.pid).not.toBe(pid);
  await sqsAt(endpoint).send(new ListQueuesCommand());
  await emulator.stop();
  await untilGone(pid, emulator.pid);
});

let postgres: Postgres | undefined;
afterEach(() => postgres?.stop());

test('Postgres comes back on the same port, whether it or its guard was killed, time and again', async () => {
  postgres = await startPostgres({ dataDir, settings: NO_SYNC, onRestart });
  await runSql(postgres.url, 'CREATE TABLE kept AS SELECT 1 AS one');

  for (const victim of ['postgres', 'guard', 'postgres', 'guard']) {
    const [before, guard] = [await postgresPid(dataDir), postgres.pid];
    await killAndWait(victim === 'guard' ? guard : before);
    expect(await runSql(postgres.url, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
    await untilGone(before, guard); // also the orphan of a killed guard
  }
});

test('a stop during a restart ends the service for good', async () => {
  postgres = await startPostgres({ dataDir, settings: NO_SYNC, onRestart });
  const pids = [postgres.pid, await postgresPid(dataDir)];

  process.kill(postgres.pid, 'SIGKILL');
  await Promise.all([postgres.stop(), postgres.stop()]);

  await untilGone(...pids, postgres.pid);
  await expect(postgresPid(dataDir)).rejects.toThrow('ENOENT');
});
