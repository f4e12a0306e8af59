import { once } from 'node:events';
import { expect, test } from 'vitest';
import { runSql } from '../support/template.ts';
import { isAlive, startParent, temporaryFolder, untilGone } from './support.ts';

test('a parent that is SIGKILLed leaves no process behind', async () => {
  const parent = await startParent(temporaryFolder());
  expect(parent.children).toHaveLength(3); // emulator, guard, Postgres
  expect(await Promise.all(parent.children.map(isAlive))).toEqual([true, true, true]);

  await parent.kill();

  await untilGone(...parent.children);
});

test('Ctrl-C reaches the parent alone, which still needs its services to finish its work', async () => {
  const parent = await startParent(temporaryFolder());
  const interrupted = once(parent.process, 'message');

  process.kill(-(parent.process.pid as number), 'SIGINT'); // the whole process group, as a terminal does

  expect(await interrupted).toEqual(['interrupted', undefined]);
  expect(await runSql(parent.databaseUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  expect(await Promise.all(parent.children.map(isAlive))).toEqual([true, true, true]);
});
