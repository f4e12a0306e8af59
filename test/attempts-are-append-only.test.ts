import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addSubscription('acme', 'healthy');
});
beforeEach(() => world.reset());
afterAll(() => world.close());

it.each([
  `UPDATE attempts SET status_code = 200`,
  `DELETE FROM attempts`,
  `UPDATE attempts SET error = 'never happened' WHERE number = 1`,
  `TRUNCATE attempts`,
  `TRUNCATE attempts_${new Date().toISOString().slice(0, 10).replaceAll('-', '')}`,
  `TRUNCATE events, attempts CASCADE`,
])('the database refuses %s', async (statement) => {
  world.publish(`{"id":"${publicId('evt', newId())}","partnerId":"acme","type":"a","data":1}`);
  const calm = createStopwatch(null);
  await Promise.all(world.receive(calm).map(world.createProcess(calm).dispatch));
  const before = await world.pool.query('SELECT * FROM attempts');
  expect(before.rows).toHaveLength(1);
  await expect(world.pool.query(statement)).rejects.toThrow('append-only');
  expect((await world.pool.query('SELECT * FROM attempts')).rows).toEqual(before.rows);
});

it('every partition refuses to be emptied, those made before and those to come', async () => {
  await world.pool.query('SELECT make_partitions(current_date + 20, current_date + 21)');
  const { rows } = await world.pool.query<{ name: string }>(
    `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'attempts'::regclass`,
  );
  expect(rows.length).toBeGreaterThanOrEqual(5);
  for (const { name } of rows) await expect(world.pool.query(`TRUNCATE ${name}`)).rejects.toThrow('append-only');
});
