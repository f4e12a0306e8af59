import { existsSync } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateQueueCommand, ReceiveMessageCommand, SendMessageCommand } from '@aws-sdk/client-sqs';
import { expect, onTestFinished, test } from 'vitest';
import { startEmbedded } from '../../src/embedded/index.ts';
import { runSql } from '../support/template.ts';
import {
  isAlive,
  killAll,
  NO_SYNC,
  postgresPid,
  sqsAt,
  startParent,
  temporaryFolder,
  until,
  untilGone,
} from './support.ts';

async function start(dataDir: string) {
  const services = await startEmbedded({ dataDir, settings: NO_SYNC });
  onTestFinished(services.stop);
  return services;
}

test('rows and messages, and the addresses of both, survive a SIGKILL of the whole process tree', async () => {
  const dataDir = temporaryFolder();
  const parent = await startParent(dataDir);
  await runSql(parent.databaseUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
  const before = sqsAt(parent.awsEndpoint);
  const { QueueUrl } = await before.send(new CreateQueueCommand({ QueueName: 'kept' }));
  await before.send(new SendMessageCommand({ QueueUrl, MessageBody: 'still here' }));

  await killAll(parent.process.pid as number, ...parent.children);
  const services = await start(dataDir);

  expect(services).toMatchObject({ databaseUrl: parent.databaseUrl, awsEndpoint: parent.awsEndpoint });
  expect(await runSql(services.databaseUrl, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
  const { Messages } = await sqsAt(services.awsEndpoint).send(new ReceiveMessageCommand({ QueueUrl }));
  expect(Messages?.map((message) => message.Body)).toEqual(['still here']);
});

test('a Postgres that outlived its guard is stopped by the next start', async () => {
  const dataDir = temporaryFolder();
  const parent = await startParent(dataDir);
  await runSql(parent.databaseUrl, 'CREATE TABLE kept AS SELECT 1 AS one');
  const [emulator, guard, orphan] = parent.children as [number, number, number];
  // The parent is held still first: it would start another guard, and a guard that outlived it would stop Postgres in order.
  process.kill(parent.process.pid as number, 'SIGSTOP');
  await killAll(guard, emulator, parent.process.pid as number);
  expect(await isAlive(orphan)).toBe(true);

  const services = await start(dataDir);

  await untilGone(orphan);
  expect(services.databaseUrl).toBe(parent.databaseUrl);
  expect(await runSql(services.databaseUrl, 'SELECT one FROM kept')).toEqual([{ one: 1 }]);
});

test('a process id left behind, which another program has by now, is not mistaken for Postgres', async () => {
  const dataDir = temporaryFolder();
  const parent = await startParent(dataDir);
  const postgres = await postgresPid(dataDir);
  await killAll(parent.process.pid as number, ...parent.children);
  const file = join(dataDir, 'postgres', 'postmaster.pid');
  const content = await readFile(file, 'utf8');
  await writeFile(file, content.replace(String(postgres), String(process.ppid)));

  const services = await start(dataDir);

  await runSql(services.databaseUrl, 'SELECT 1');
  expect(await isAlive(process.ppid)).toBe(true);
});

test('a database left half-made by a kill is removed, and made anew', async () => {
  const dataDir = temporaryFolder();
  const halfMade = async () => (await readdir(dataDir)).find((name) => name.includes('unfinished'));
  const parent = startParent(dataDir);
  const killed = expect(parent).rejects.toThrow();
  const folder = await until('initdb to begin', halfMade);
  await until('initdb to write', () => existsSync(join(dataDir, folder, 'cluster', 'PG_VERSION')));
  process.kill(Number(await readFile(join(dataDir, 'postgres.lock.pid'), 'utf8')), 'SIGKILL');
  await killed;
  expect(existsSync(join(dataDir, 'postgres'))).toBe(false);

  const services = await start(dataDir);

  await runSql(services.databaseUrl, 'SELECT 1');
  expect(await halfMade()).toBe(undefined);
  const password = await stat(join(dataDir, 'postgres', 'postrider.password'));
  expect(password.mode & 0o777).toBe(0o600);
});
