import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { startPostgres } from '../../src/embedded/index.ts';
import { runSql } from '../support/template.ts';
import { postgresPid, temporaryFolder } from './support.ts';

const isLinuxRoot = process.platform === 'linux' && process.getuid?.() === 0;

/** The real user id of a process, as seen from outside its user namespace. */
async function userOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
}

test.runIf(isLinuxRoot)(
  'one database opens in a user namespace, as another user, and in a namespace again',
  async () => {
    const dataDir = temporaryFolder();
    const settings = { fsync: 'off' };
    let rows = 0;
    for (const [rootMode, user] of [
      ['other-user', 65_534],
      ['user-namespace', 0],
      ['other-user', 65_534],
    ] as const) {
      const postgres = await startPostgres({ dataDir, settings, rootMode });
      expect(await userOf(await postgresPid(dataDir))).toBe(user);
      await runSql(postgres.url, 'CREATE TABLE IF NOT EXISTS kept (n int)');
      await runSql(postgres.url, 'INSERT INTO kept VALUES (1)');
      expect(await runSql(postgres.url, 'SELECT n FROM kept')).toHaveLength(++rows);
      await postgres.stop();
    }
  },
);
