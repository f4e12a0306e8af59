import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { type CrashPoint, crashPoints, createStopwatch, type Stopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addSubscription('acme', 'healthy');
  await world.addSubscription('acme', 'fails-first');
  await world.addSubscription('acme', 'disabled', ['*'], false);
  await world.addSubscription('acme', 'filtered', ['*'], true, { data: { n: [0] } });
});
beforeEach(() => world.reset());
afterAll(() => world.close());

const envelope = () =>
  `{"id":"${publicId('evt', newId())}","partnerId":"acme","type":"order.created","data":{"n":12345678901234567890}}`;

/** Runs until it is through or the world has stopped. */
async function run(stopwatch: Stopwatch, work: () => Promise<unknown>): Promise<void> {
  await Promise.race([work(), stopwatch.stopped]);
}

/** What holds at any moment: a message is gone only when every delivery it owes is on record and has an end or a next time. */
async function expectNothingLost(): Promise<void> {
  const { rows } = await world.pool.query<{ owed: number; recorded: number }>(`
    SELECT e.fan_out AS owed, count(d.id)::int AS recorded FROM events e LEFT JOIN deliveries d ON d.event_id = e.id
      AND (d.state <> 'pending' OR d.next_attempt_at IS NOT NULL) GROUP BY e.id, e.fan_out`);
  const acked = world.queue.filter((message) => message.acked && message.body.startsWith('{')).length;
  expect(rows.filter(({ owed, recorded }) => owed === recorded).length).toBeGreaterThanOrEqual(acked);
}

/** What holds in the end: all delivered, all on record, and attempts numbered without a gap. */
async function expectAllDelivered(events: number): Promise<void> {
  expect(world.queue.filter(({ acked }) => !acked)).toEqual([]);
  const { rows } = await world.pool.query<{ state: string; attempt_count: number; numbers: number[] }>(`
    SELECT d.state, d.attempt_count, array_agg(a.number ORDER BY a.number) AS numbers
    FROM deliveries d LEFT JOIN attempts a ON a.delivery_id = d.id GROUP BY d.id, d.state, d.attempt_count`);
  expect(rows).toHaveLength(events * 2);
  const { rows: skips } = await world.pool.query(
    `SELECT jsonb_path_query_array(skipped, '$[*].reason') AS why FROM events`,
  );
  expect(skips).toEqual(Array(events).fill({ why: ['disabled', 'filtered'] }));
  for (const { state, attempt_count, numbers } of rows) {
    expect(state).toBe('succeeded');
    expect(numbers).toEqual(Array.from({ length: attempt_count }, (_, index) => index + 1));
  }
}

/** A second POST of an attempt is due only to a crash between the POST and its record. */
function expectNoNeedlessDuplicates(at: string | null): void {
  const perAttempt = Object.values(Object.groupBy(world.posts, (post) => `${post.delivery} ${post.attempt}`));
  const repeated = perAttempt.filter((posts) => (posts?.length ?? 0) > 1);
  // Before a record, or in any other call while a POST is not yet recorded: all that is certain is one repetition per crash.
  if (at === null || /^(before|after) (persist|correct|takeOver|ack|deadLetter|claim)$/.test(at))
    expect(repeated).toEqual([]);
  for (const posts of repeated) expect(new Set(posts?.map(({ webhookId }) => webhookId)).size).toBe(1);
  expect(Math.max(...perAttempt.map((posts) => posts?.length ?? 0))).toBeLessThanOrEqual(2);
}

interface Circumstances {
  /** 0: no subscription has a free slot, every delivery is parked. */
  readonly slots?: number;
  /** The worker's copy of the subscriptions is older than they are. */
  readonly stale?: boolean;
}

async function dispatchWith(point: CrashPoint | null, { slots = 64, stale }: Circumstances = {}): Promise<Stopwatch> {
  await world.reset();
  world.answerWith(({ subscription, attempt }) => (subscription === 'fails-first' && attempt === 1 ? 500 : 200));
  world.publish('not json');
  world.publish(envelope());
  const stopwatch = createStopwatch(point);
  const { dispatch, cache } = world.createProcess(stopwatch, slots);
  if (stale) {
    await cache.get('acme');
    await world.pool.query(`UPDATE subscriptions SET description = 'changed'`);
  }
  // One message after the other, so that the n-th call is the same in every run.
  await run(stopwatch, async () => {
    for (const message of world.receive(stopwatch)) await dispatch(message);
  });
  return stopwatch;
}

/** The first worker died right after it had put the event on record; the second one may die as well. */
async function takeOverWith(point: CrashPoint | null): Promise<Stopwatch> {
  await dispatchWith({ call: 3, when: 'after' });
  expect(world.posts).toEqual([]);
  await world.elapse(31);
  const stopwatch = createStopwatch(point);
  const { dispatch } = world.createProcess(stopwatch);
  await run(stopwatch, async () => {
    for (const message of world.receive(stopwatch)) await dispatch(message);
  });
  return stopwatch;
}

/** A process claims what is due, once. */
async function claimWith(point: CrashPoint | null): Promise<Stopwatch> {
  const stopwatch = createStopwatch(point);
  const { retry } = world.createProcess(stopwatch);
  await run(stopwatch, async () => {
    await retry.claimOnce();
    await retry.idle();
  });
  return stopwatch;
}

async function retryWith(point: CrashPoint | null): Promise<Stopwatch> {
  await dispatchWith(null);
  await world.elapse(6);
  return claimWith(point);
}

/** First attempts wait in Postgres for their slots. Last: the limit stays. */
async function rateLimitedWith(point: CrashPoint | null): Promise<Stopwatch> {
  await world.pool.query('UPDATE subscriptions SET rate_limit = 1000');
  await dispatchWith(null);
  expect(world.posts).toEqual([]);
  return claimWith(point);
}

describe.each([
  { pipeline: 'dispatch', play: dispatchWith },
  { pipeline: 'dispatch at the slot limit', play: (point: CrashPoint | null) => dispatchWith(point, { slots: 0 }) },
  { pipeline: 'dispatch with a stale cache', play: (point: CrashPoint | null) => dispatchWith(point, { stale: true }) },
  { pipeline: 'taking over', play: takeOverWith },
  { pipeline: 'retry', play: retryWith },
  { pipeline: 'retry at a rate limit', play: rateLimitedWith },
])('$pipeline, stopped at any outside call', ({ play }) => {
  it('loses nothing, repeats only what a crash between POST and record must, and ends with all on record', async () => {
    const { calls } = await play(null);
    expect(calls).toBeGreaterThanOrEqual(3);
    for (const point of crashPoints(calls)) {
      const stopwatch = await play(point);
      expect(stopwatch.at, `call ${point.call} of ${calls}`).not.toBeNull();
      await expectNothingLost();
      await world.recover();
      await expectAllDelivered(1);
      expectNoNeedlessDuplicates(stopwatch.at);
    }
  });
});
