import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { LockedError, startEmbedded } from '../../src/embedded/index.ts';
import { freePort } from '../../src/embedded/ports.ts';
import { isAlive, NO_SYNC, startParent, temporaryFolder } from './support.ts';

test('a second process on the same folder is refused, says who has it, and disturbs nobody', async () => {
  const dataDir = temporaryFolder();
  const parent = await startParent(dataDir);

  const refusal = `${dataDir} is in use by process ${parent.process.pid}`;
  await expect(startEmbedded({ dataDir, settings: NO_SYNC })).rejects.toSatisfy(
    (error) => error instanceof LockedError && error.pid === parent.process.pid && error.message.startsWith(refusal),
  );
  await expect(startParent(dataDir)).rejects.toThrow(refusal);

  expect(await Promise.all(parent.children.map(isAlive))).toEqual([true, true, true]);
});

test('the folder is free again as soon as its process is stopped, or killed', async () => {
  const dataDir = temporaryFolder();
  await (await startEmbedded({ dataDir, settings: NO_SYNC })).stop();
  const parent = await startParent(dataDir);
  await parent.kill();
  const services = await startEmbedded({ dataDir, settings: NO_SYNC });
  await services.stop();
  await services.stop();
});

test('a port that somebody else has taken meanwhile is replaced by another', async () => {
  const dataDir = temporaryFolder();
  const port = await freePort();
  const somebody = createServer().listen(port, '127.0.0.1');
  onTestFinished(() => void somebody.close());
  await writeFile(join(dataDir, 'postgres.port'), String(port));
  await writeFile(join(dataDir, 'emulator.port'), String(port));

  const services = await startEmbedded({ dataDir, settings: NO_SYNC });
  onTestFinished(services.stop);

  expect(new URL(services.databaseUrl).port).not.toBe(String(port));
  expect(new URL(services.awsEndpoint).port).not.toBe(String(port));
});
