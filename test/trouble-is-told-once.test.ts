import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { POSTRIDER } from '../src/domain/actor.ts';
import { newId, publicId } from '../src/domain/ids.ts';
import { redeliver } from '../src/store/redeliver.ts';
import { type CrashPoint, crashPoints, createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;
let broken: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  broken = await world.addSubscription('acme', 'broken', ['order.*']);
  await world.addSubscription('acme', 'ops', ['delivery.*', 'subscription.*']);
  await world.addSubscription('postrider', 'operator', ['dead_letter.*']);
});
beforeEach(async () => {
  await world.reset();
  await world.pool.query('UPDATE subscriptions SET enabled = true, disabled_reason = NULL');
});
afterAll(() => world.close());

const publish = (type = 'order.created') => {
  const id = newId();
  world.publish(`{"id":"${publicId('evt', id)}","partnerId":"acme","type":"${type}","data":{}}`);
  return id;
};

/** What was told to a subscription: each event once, however often it was attempted or published. */
const told = (to: string) => {
  const posts = world.posts.filter(({ subscription }) => subscription === to);
  const byId = new Map(
    posts.map(({ webhookId, body }) => [webhookId, JSON.parse(body) as { type: string; data: object }]),
  );
  return [...byId.values()];
};
const types = (to: string) => told(to).map(({ type }) => type);

async function work(point: CrashPoint | null) {
  const stopwatch = createStopwatch(point);
  const { dispatch, retry } = world.createProcess(stopwatch);
  const run = async () => {
    for (const message of world.receive(stopwatch)) await dispatch(message);
    await retry.claimOnce();
    await retry.idle();
  };
  await Promise.race([run(), stopwatch.stopped]);
  return stopwatch;
}

it('an exhausted delivery is told once, wherever the process dies, and so is its recovery', async () => {
  const failLastAttempt = async (point: CrashPoint | null) => {
    await world.reset();
    world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
    publish();
    await work(null);
    await world.elapse(6);
    await work(null);
    await world.elapse(301);
    return work(point);
  };
  const { calls } = await failLastAttempt(null);
  expect(calls).toBeGreaterThanOrEqual(4); // claim, send, announce, record
  for (const point of crashPoints(calls)) {
    await failLastAttempt(point);
    await world.recover();
    expect(types('ops'), JSON.stringify(point)).toEqual(['delivery.exhausted']);
    expect(told('ops')[0]?.data).toMatchObject({ subscriptionId: publicId('sub', broken), eventType: 'order.created' });
  }
  world.answerWith(() => 200);
  const { rows } = await world.pool.query<{ id: string }>(`SELECT id FROM deliveries WHERE state = 'exhausted'`);
  for (const { id } of rows) expect(await redeliver(world.pool, id, POSTRIDER)).toBe('pending');
  await work(null);
  await work(null);
  expect(types('ops')).toEqual(['delivery.exhausted', 'delivery.recovered']);
});

it('opening the breaker at any outside call’s crash loses nothing, and is told once', async () => {
  const play = async (point: CrashPoint | null) => {
    await world.reset();
    world.answerWith(({ subscription }) => (subscription === 'broken' ? 503 : 200));
    for (let n = 0; n < 12; n++) publish();
    return work(point);
  };
  const { calls } = await play(null);
  const { rows } = await world.pool.query('SELECT breaker, announced FROM subscription_health');
  expect(rows).toEqual([{ breaker: 'open', announced: true }]);
  expect(world.posts.filter(({ subscription }) => subscription === 'broken')).toHaveLength(10);
  const last = crashPoints(calls).slice(-14);
  for (const point of last) {
    await play(point);
    world.answerWith(() => 200);
    await world.recover();
    const { rows: states } = await world.pool.query('SELECT DISTINCT state FROM deliveries');
    expect(states, JSON.stringify(point)).toEqual([{ state: 'succeeded' }]);
    expect(types('ops').filter((type) => type === 'subscription.failing').length).toBeLessThanOrEqual(1);
  }
});

it('while the breaker is open one probe goes at a time, from whichever worker', async () => {
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
  for (let n = 0; n < 12; n++) publish();
  await work(null);
  const before = world.posts.length;
  const workers = Array.from({ length: 4 }, () => world.createProcess(createStopwatch(null)));
  await Promise.all(workers.map(({ retry }) => retry.claimOnce()));
  await world.elapse(6); // deliveries are due, and the pause of 2 s is over
  await Promise.all(workers.map(({ retry }) => retry.claimOnce()));
  await Promise.all(workers.map(({ retry }) => retry.idle()));
  expect(world.posts.slice(before).filter(({ subscription }) => subscription === 'broken')).toHaveLength(1);
  const { rows } = await world.pool.query('SELECT breaker, pauses FROM subscription_health');
  expect(rows).toEqual([{ breaker: 'open', pauses: 2 }]);
});

it('nothing but failures for five days: warnings, then disabled, each told once', async () => {
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
  const days = [0, 2.6, 3.8, 4.6, 5.1];
  for (const [index, day] of days.entries()) {
    await world.elapse((day - (days[index - 1] ?? 0)) * 86_400);
    for (let n = 0; n < 3; n++) publish();
    await work(null);
    await work(null);
  }
  const failing = told('ops').filter(({ type }) => type === 'subscription.failing');
  const percents = failing.map(({ data }) => (data as { percent: number | null }).percent).filter(Boolean);
  expect(percents).toEqual([50, 75, 90]);
  const { rows } = await world.pool.query('SELECT enabled, disabled_reason FROM subscriptions WHERE id = $1', [broken]);
  expect(rows).toEqual([{ enabled: false, disabled_reason: 'failing' }]);
  await work(null);
  expect(types('ops')).toContain('subscription.disabled');
});

it('a success anywhere ends the streak for all workers', async () => {
  world.answerWith(({ subscription }) => (subscription === 'broken' ? 500 : 200));
  for (let n = 0; n < 3; n++) publish();
  await work(null);
  const health = () => world.pool.query('SELECT 1 FROM subscription_health').then(({ rowCount }) => rowCount);
  expect(await health()).toBe(1);
  world.answerWith(() => 200);
  publish();
  const { dispatch, listen } = world.createProcess(createStopwatch(null));
  await listen();
  for (const message of world.receive(createStopwatch(null))) await dispatch(message);
  expect(await health()).toBe(0);
});

it('an operational event’s own failures raise nothing', async () => {
  world.answerWith(() => 500);
  publish('delivery.exhausted'); // as Postrider would
  for (let attempt = 0; attempt < 4; attempt++) {
    await work(null);
    await world.elapse(301);
  }
  const { rows } = await world.pool.query('SELECT state, event_type FROM deliveries');
  expect(rows).toEqual([{ state: 'exhausted', event_type: 'delivery.exhausted' }]);
  expect(world.queue).toHaveLength(1);
});
