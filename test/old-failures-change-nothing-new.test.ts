import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';
import { until } from './support/until.ts';

let world: World;
let broken: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  broken = await world.addSubscription('acme', 'broken', ['order.*']);
  await world.addSubscription('acme', 'ops', ['subscription.*']);
});
beforeEach(async () => {
  await world.reset();
  await world.pool.query(
    `UPDATE subscriptions SET enabled = true, deleted_at = NULL, url = 'https://broken/', ordered = false, rate_limit = NULL,
       disabled_reason = NULL, updated_at = clock_timestamp() WHERE id = $1`,
    [broken],
  );
});
afterAll(() => world.close());

const publish = () =>
  world.publish(`{"id":"${publicId('evt', newId())}","partnerId":"acme","type":"order.created","data":{}}`);

const change = (what: string) => world.pool.query(`UPDATE subscriptions SET ${what} WHERE id = $1`, [broken]);

/** Dispatches all there is, then attempts what is due, in a process that knows who is in trouble. */
async function work(process = world.createProcess(createStopwatch(null))): Promise<void> {
  await process.listen();
  for (const message of world.receive(createStopwatch(null))) await process.dispatch(message);
  await process.retry.claimOnce();
  await process.retry.idle();
}

const told = () =>
  world.posts.filter(({ subscription }) => subscription === 'ops').map(({ body }) => JSON.parse(body).type);

const health = async () => (await world.pool.query('SELECT breaker FROM subscription_health')).rows;

const states = async () =>
  (
    await world.pool.query(
      'SELECT state, count(*)::int AS n FROM deliveries WHERE subscription_id = $1 GROUP BY state ORDER BY state',
      [broken],
    )
  ).rows;

async function openBreaker(deliveries: number): Promise<void> {
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
  for (let n = 0; n < deliveries; n++) publish();
  await work();
  expect(await health()).toEqual([{ breaker: 'open' }]);
  await world.elapse(6);
}

it.each(['deleted_at = now()', 'enabled = false', `url = 'https://moved/'`])(
  'a probe that fails after %s leaves no health behind, and nothing is told',
  async (what) => {
    await openBreaker(12);
    await work(); // what has been told by now has been delivered
    const before = told();
    await world.elapse(6);
    world.answerWith(async ({ subscription }) => {
      if (subscription !== 'broken') return 200;
      await change(what);
      return 500;
    });
    await work();
    expect(await health()).toEqual([]);
    world.answerWith(() => 200);
    await work();
    expect(told()).toEqual(before);
  },
);

it('the backlog of a deleted subscription is canceled at once, whatever held it back', async () => {
  await openBreaker(12);
  await change(`ordered = true, rate_limit = 1`);
  await change(`deleted_at = now()`);
  await world.pool.query(
    `INSERT INTO subscription_health (subscription_id, breaker, since, not_before) VALUES ($1, 'open', now(), now() + interval '1 day')`,
    [broken],
  );
  const posts = world.posts.length;
  await world.elapse(301);
  await work();
  expect(await states()).toEqual([{ state: 'canceled', n: 12 }]);
  expect(world.posts.slice(posts).filter(({ subscription }) => subscription === 'broken')).toEqual([]);
});

it('a subscription that is gone is told of again when it was enabled in between', async () => {
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 410 : 200));
  for (const times of [1, 2]) {
    publish();
    await work();
    await work();
    expect(told()).toEqual(Array(times).fill('subscription.disabled'));
    expect((await world.pool.query('SELECT enabled FROM subscriptions WHERE id = $1', [broken])).rows).toEqual([
      { enabled: false },
    ]);
    await change('enabled = true, updated_at = clock_timestamp()');
  }
});

it.each([`url = 'https://moved/'`, 'deleted_at = now()', 'enabled = false'])(
  'a 410 that comes after %s disables nothing, and is not told',
  async (what) => {
    world.answerWith(async ({ subscription }) => {
      if (subscription !== 'broken') return 200;
      await change(what);
      return 410;
    });
    publish();
    await work();
    await work();
    expect(told()).toEqual([]);
    const { rows } = await world.pool.query('SELECT disabled_reason FROM subscriptions WHERE id = $1', [broken]);
    expect(rows).toEqual([{ disabled_reason: null }]);
  },
);

it('a worker that has not heard of another’s success does not disable', async () => {
  await world.pool.query(
    `INSERT INTO subscription_health (subscription_id, breaker, since, failing_since, warned_percent, announced)
     VALUES ($1, 'closed', now() - interval '6 days', now() - interval '6 days', 90, true)`,
    [broken],
  );
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
  const deaf = world.createProcess(createStopwatch(null));
  await deaf.listen();
  await world.pool.query('DELETE FROM subscription_health');
  publish();
  for (const message of world.receive(createStopwatch(null))) await deaf.dispatch(message);
  expect((await world.pool.query('SELECT enabled FROM subscriptions WHERE id = $1', [broken])).rows).toEqual([
    { enabled: true },
  ]);
  expect(world.queue).toHaveLength(1);
});

it('who is in trouble is read again until Postgres has answered', async () => {
  const lock = await world.pool.connect();
  await lock.query('BEGIN; LOCK TABLE subscription_health');
  const loaded = world.store.loadHealth();
  const waiting = `SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  const { rows } = await until(
    () => lock.query<{ pid: number }>(waiting),
    ({ rowCount }) => rowCount === 1,
  );
  await lock.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
  await lock.query('ROLLBACK');
  lock.release();
  expect(await loaded).toEqual(new Map());
});
