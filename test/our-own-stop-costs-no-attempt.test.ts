import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';
import { startReceiver } from './support/receiver.ts';
import { startService } from './support/service.ts';
import { until } from './support/until.ts';

describe('an attempt that a stop cuts short', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld();
    await world.addPartner('acme');
    await world.addSubscription('acme', 'acme');
  });
  beforeEach(() => world.reset());
  afterAll(() => world.close());

  const calm = createStopwatch(null);

  async function dispatchOne(): Promise<void> {
    world.publish(`{"id":"${publicId('evt', newId())}","partnerId":"acme","type":"order.created","data":{}}`);
    const { dispatch } = world.createProcess(calm);
    for (const message of world.receive(calm)) await dispatch(message);
  }

  async function retryDue(): Promise<void> {
    const { retry } = world.createProcess(calm);
    await retry.claimOnce();
    await retry.idle();
  }

  const delivery = async () =>
    (await world.pool.query('SELECT *, next_attempt_at <= now() AS due FROM deliveries')).rows[0];

  const numbers = async () =>
    (await world.pool.query('SELECT number FROM attempts ORDER BY number')).rows.map((row) => row.number);

  it('is no attempt when nothing was sent: another worker makes the first one at once', async () => {
    world.answerWith(() => 'unsent');
    await dispatchOne();
    expect(world.parked).toEqual(['stopping']);
    expect(world.queue.every(({ acked }) => acked)).toBe(true);
    expect(await delivery()).toMatchObject({ state: 'pending', attempt_count: 0, retries_used: 0, due: true });
    expect(await numbers()).toEqual([]);
    world.answerWith(() => 200);
    await retryDue();
    expect(await delivery()).toMatchObject({ state: 'succeeded', attempt_count: 1 });
    expect(world.posts.map(({ attempt }) => attempt)).toEqual([1, 1]);
  });

  it('is on record when it was sent, and another worker makes the next at once', async () => {
    world.answerWith(() => 'sent');
    await dispatchOne();
    expect(await delivery()).toMatchObject({ state: 'pending', attempt_count: 1, retries_used: 0, due: true });
    world.answerWith(() => 200);
    await retryDue();
    expect(await delivery()).toMatchObject({ state: 'succeeded', attempt_count: 2 });
    expect(await numbers()).toEqual([1, 2]);
  });

  it.each([
    { how: 'sent', attempts: [1, 2, 3, 4] },
    { how: 'unsent', attempts: [1, 2, 3] },
  ] as const)('exhausts no delivery: the last of the schedule, $how, is made again', async ({ how, attempts }) => {
    world.answerWith(() => 500);
    await dispatchOne();
    await world.elapse(6);
    await retryDue();
    await world.elapse(301);
    const health = await world.pool.query('SELECT * FROM subscription_health');
    world.answerWith(() => how);
    await retryDue();
    expect(await delivery()).toMatchObject({ state: 'pending', retries_used: 2, due: true, leased: false });
    expect((await world.pool.query('SELECT * FROM subscription_health')).rows).toEqual(health.rows);
    world.answerWith(() => 200);
    await retryDue();
    expect(await delivery()).toMatchObject({ state: 'succeeded', attempt_count: attempts.length });
    expect(await numbers()).toEqual(attempts);
  });

  it('a result in hand is not sent for again, however long it takes to record it', async () => {
    world.answerWith(() => 500);
    await dispatchOne();
    await world.elapse(6);
    const { promise, resolve } = Promise.withResolvers<number>();
    world.answerWith(() => promise);
    const { retry } = world.createProcess(calm);
    await retry.claimOnce();
    await until(
      () => world.posts.length,
      (posts) => posts === 2,
    );
    await world.elapse(301); // its lease has run out
    expect((await retry.claimOnce()).claimed).toBe(1);
    resolve(500);
    await retry.idle();
    expect(world.posts).toHaveLength(2);
    world.answerWith(() => 200);
    await world.elapse(301);
    await retry.claimOnce(); // the next attempt is another one
    await retry.idle();
    expect(await delivery()).toMatchObject({ state: 'succeeded', attempt_count: 3 });
  });
});

it('a deploy while the receiver hangs on the last try exhausts nothing: the next worker delivers', async () => {
  const env = { SHUTDOWN_GRACE: '4s', RETRY_SCHEDULE: '300ms' };
  const [service, receiver] = await Promise.all([startService({ env }), startReceiver()]);
  try {
    await service.addPartner('acme', [`${receiver.url}/hangs`]);
    receiver.answer('/hangs', (_, nth) => [500, new Promise<never>(() => undefined)][nth - 1] ?? 200);
    await service.publish('acme');
    await receiver.arrived('/hangs', 2);
    expect(await service.workers[0]?.kill('SIGTERM')).toBe(0);
    expect(await service.deliveryStates()).toEqual({ pending: 1 });
    await service.startWorker();
    await receiver.arrived('/hangs', 3);
    await until(service.deliveryStates, ({ succeeded }) => succeeded === 1);
    const { rows } = await service.pool.query('SELECT outcome, error FROM attempts ORDER BY number');
    expect(rows.map(({ outcome }) => outcome)).toEqual(['http_error', 'timeout', 'succeeded']);
    expect(rows[1]?.error).toContain('the worker was stopped');
  } finally {
    await Promise.all([service.stop(), receiver.close()]);
  }
});
