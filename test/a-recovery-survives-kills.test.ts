import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { POSTRIDER } from '../src/domain/actor.ts';
import { createGrowingIds, deliveryId } from '../src/domain/ids.ts';
import type { MissedState } from '../src/domain/recovery.ts';
import { createRecoveries, type Recoveries, type StoredRecovery } from '../src/store/recoveries.ts';
import { type CrashPoint, crashPoints, createStopwatch, type Stopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

/** Small steps, so that few rows take many. */
const LIMITS = { stepRows: 20, mostDue: 40 };
const EXHAUSTED = 30;
const SKIPPED = 25;

/** In the order they are made, also within a millisecond. */
const newId = createGrowingIds();

let world: World;
let recoveries: Recoveries;
let healthy: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  healthy = await world.addSubscription('acme', 'healthy', ['order.*']);
  recoveries = createRecoveries(world.pool);
});
beforeEach(() => world.reset());
afterAll(() => world.close());

type State = 'exhausted' | 'canceled' | 'succeeded';

/** Events with a delivery in this state, or with none. */
async function missed(count: number, state: State | null, type = 'order.created', lease = '0 s'): Promise<string[]> {
  const events = Array.from({ length: count }, newId);
  await world.pool.query(
    `INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
     SELECT id, now() + $3::interval, 1, 'acme', $2, '{}' FROM unnest($1::uuid[]) id`,
    [events, type, lease],
  );
  if (state) {
    await world.pool.query(
      `INSERT INTO deliveries (id, subscription_id, event_id, finished_at, state, attempt_count, event_type)
       SELECT d, $3, e, now(), $4::delivery_state, 1, $5 FROM unnest($1::uuid[], $2::uuid[]) AS i (d, e)`,
      [events.map((id) => deliveryId(id, healthy)), events, healthy, state, type],
    );
  }
  return events;
}

const since = new Date(Date.now() - 3_600_000);

async function begin(states: readonly MissedState[], subscriptionId = healthy): Promise<StoredRecovery> {
  const until = new Date(Date.now() + 1_000);
  const made = await recoveries.create({ partnerId: 'acme', id: subscriptionId }, { since, until, states }, POSTRIDER);
  if (typeof made === 'string') throw new Error(made);
  return made;
}

const found = async ({ id, subscriptionId }: StoredRecovery) =>
  (await recoveries.find({ partnerId: 'acme', id: subscriptionId }, id)) as StoredRecovery;

const stepIsDue = () => world.pool.query(`UPDATE recoveries SET next_step_at = now() - interval '1 second'`);

/** Steps and attempts in turn until the recovery has ended, each within the limits. */
async function workOff(recovery: StoredRecovery, stopwatch = createStopwatch(null)): Promise<void> {
  const { recover, kill } = world.createRecovering(stopwatch, LIMITS);
  const { retry } = world.createProcess(createStopwatch(null));
  const turns = async () => {
    while ((await found(recovery)).state === 'running') {
      await stepIsDue();
      await recover();
      const { rows } = await world.pool.query(`SELECT count(*)::int AS n FROM deliveries WHERE state = 'pending'`);
      expect(rows[0].n).toBeLessThanOrEqual(LIMITS.mostDue);
      await retry.claimOnce();
      await retry.idle();
    }
    await retry.claimOnce();
    await retry.idle();
  };
  await Promise.race([turns(), stopwatch.stopped]);
  await kill();
}

async function playWith(points: readonly (CrashPoint | null)[]): Promise<Stopwatch[]> {
  await world.reset();
  await missed(EXHAUSTED, 'exhausted');
  await missed(10, 'succeeded');
  await missed(SKIPPED, null);
  await missed(5, null, 'invoice.paid'); // not its type
  const recovery = await begin(['exhausted', 'skipped']);
  const stopwatches = points.map(createStopwatch);
  for (const stopwatch of stopwatches) await workOff(recovery, stopwatch);
  await workOff(recovery);
  expect(await found(recovery)).toMatchObject({
    state: 'succeeded',
    redelivered: EXHAUSTED + SKIPPED,
    total: EXHAUSTED + 10 + EXHAUSTED + 10 + SKIPPED + 5,
    scanned: EXHAUSTED + 10 + EXHAUSTED + 10 + SKIPPED + 5,
  });
  return stopwatches;
}

it('every missed delivery arrives once, wherever two workers are killed in the middle of it', async () => {
  const [calm] = await playWith([null]);
  const calls = calm?.calls as number;
  expect(calls).toBeGreaterThan(12);
  for (const point of crashPoints(calls)) {
    const [first] = await playWith([point, { call: 4, when: 'after' }]);
    expect(first?.at, `call ${point.call} of ${calls}`).not.toBeNull();
    expect(world.posts).toHaveLength(EXHAUSTED + SKIPPED);
    expect(new Set(world.posts.map(({ delivery }) => delivery)).size).toBe(EXHAUSTED + SKIPPED);
  }
  const { rows } = await world.pool.query(
    `SELECT d.state, a.trigger, a.number, count(*)::int AS n FROM attempts a JOIN deliveries d ON d.id = a.delivery_id
     GROUP BY 1, 2, 3 ORDER BY 3`,
  );
  expect(rows).toEqual([
    { state: 'succeeded', trigger: 'recovery', number: 1, n: SKIPPED },
    { state: 'succeeded', trigger: 'recovery', number: 2, n: EXHAUSTED },
  ]);
}, 120_000);

it('two workers take turns on one recovery, and nothing is repeated', async () => {
  await missed(100, 'canceled');
  const recovery = await begin(['canceled']);
  await Promise.all([workOff(recovery), workOff(recovery), workOff(recovery)]);
  expect(world.posts).toHaveLength(100);
  expect(new Set(world.posts.map(({ delivery }) => delivery)).size).toBe(100);
});

it('nothing is added while the subscription has its fill of due deliveries', async () => {
  await missed(100, 'exhausted');
  const recovery = await begin(['exhausted']);
  const { recover, kill } = world.createRecovering(createStopwatch(null), LIMITS);
  for (let step = 0; step < 5; step++) {
    await recover();
    await stepIsDue();
  }
  await kill();
  expect(await found(recovery)).toMatchObject({ state: 'running', redelivered: LIMITS.mostDue, total: 100 });
});

it('an event that a worker has in hand is waited for, and not delivered a second time', async () => {
  await missed(3, null);
  const [inHand] = (await missed(1, null, 'order.created', '1 minute')) as [string];
  const recovery = await begin(['skipped']);
  const { recover, kill } = world.createRecovering(createStopwatch(null), LIMITS);
  expect(await recover()).toMatchObject({ state: 'running', redelivered: 3, scanned: 3 });
  // Its worker records the result, and its lease runs out.
  await world.pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, finished_at, state, event_type) VALUES ($1, $2, $3, now(), 'succeeded', 'a')`,
    [deliveryId(inHand, healthy), healthy, inHand],
  );
  await world.elapse(61);
  await kill();
  await workOff(recovery);
  expect(await found(recovery)).toMatchObject({ state: 'succeeded', redelivered: 3, scanned: 4 });
  expect(world.posts).toHaveLength(3);
});

it('what was skipped while it was disabled arrives after it was enabled', async () => {
  const asleep = await world.addSubscription('acme', 'asleep', ['*'], false);
  const stopwatch = createStopwatch(null);
  const { dispatch } = world.createProcess(stopwatch);
  world.publish('{"partnerId":"acme","type":"order.created","data":{}}');
  for (const message of world.receive(stopwatch)) await dispatch(message);
  await world.pool.query('UPDATE subscriptions SET enabled = true WHERE id = $1', [asleep]);
  await world.elapse(30);
  await workOff(await begin(['skipped'], asleep));
  expect(world.posts.map(({ subscription }) => subscription)).toEqual(['healthy', 'asleep']);
});

it('a polled subscription finds what it missed in its feed', async () => {
  const polled = await world.addSubscription('acme', 'polled', ['order.*']);
  await world.pool.query('UPDATE subscriptions SET url = NULL WHERE id = $1', [polled]);
  const events = await missed(30, null);
  const recovery = await begin(['skipped'], polled);
  await workOff(recovery);
  const { rows } = await world.pool.query('SELECT event_id AS id FROM feed WHERE subscription_id = $1', [polled]);
  expect(rows.map(({ id }) => id).toSorted()).toEqual(events.toSorted());
  expect([world.posts, (await found(recovery)).redelivered]).toEqual([[], 30]);
  await world.pool.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [polled]);
});

it('a recovery that is canceled, or whose subscription is deleted, goes no further', async () => {
  await missed(30, 'exhausted');
  const first = await begin(['exhausted']);
  expect(await recoveries.create({ partnerId: 'acme', id: healthy }, { ...first }, POSTRIDER)).toBe('recovery_running');
  const { recover, kill } = world.createRecovering(createStopwatch(null), LIMITS);
  await recover();
  expect(await recoveries.cancel({ partnerId: 'acme', id: healthy }, first.id, POSTRIDER)).toBe('canceled');
  expect(await recover()).toBeNull();
  const gone = await world.addSubscription('acme', 'gone');
  const second = await begin(['all' as MissedState, 'skipped'], gone);
  await world.pool.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [gone]);
  expect(await recover()).toMatchObject({ state: 'canceled' });
  await kill();
  expect((await found(first)).redelivered).toBe(LIMITS.stepRows);
  expect(await found(second)).toMatchObject({ state: 'canceled', redelivered: 0 });
});
