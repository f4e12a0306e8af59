/** The persist step commits asynchronously: a crash of Postgres right after it forgets the event, and the record step must notice. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addPartner('other');
  await world.addSubscription('acme', 'hook');
  await world.addSubscription('other', 'other-hook');
});
beforeEach(() => world.reset());
afterAll(() => world.close());

const envelope = (id: string, partnerId = 'acme') =>
  `{"id":"${id}","partnerId":"${partnerId}","type":"a","data":{"n":1}}`;

async function dispatchAll(): Promise<void> {
  const calm = createStopwatch(null);
  const { dispatch } = world.createProcess(calm);
  await Promise.all(world.receive(calm).map(dispatch));
}

const rows = async (text: string) => (await world.pool.query(text)).rows;

it.each([200, 500])(
  'an event forgotten between persist and record is put on record again (answer %i)',
  async (status) => {
    world.answerWith(async () => {
      await world.pool.query('DELETE FROM events'); // what a crash does to the last asynchronous commits
      return status;
    });
    world.publish(envelope(publicId('evt', newId())));
    await dispatchAll();
    expect(await rows('SELECT data, fan_out FROM events')).toEqual([{ data: '{"n":1}', fan_out: 1 }]);
    expect(await rows('SELECT state::text FROM deliveries')).toEqual([
      { state: status === 200 ? 'succeeded' : 'pending' },
    ]);
    world.answerWith(() => 200);
    await world.recover();
    expect(await rows('SELECT state::text FROM deliveries')).toEqual([{ state: 'succeeded' }]);
  },
);

it('a due delivery without its event is canceled and told of, and keeps nobody else from being claimed', async () => {
  world.answerWith(() => 500);
  world.publish(envelope(publicId('evt', newId())));
  world.publish(envelope(publicId('evt', newId())));
  await dispatchAll();
  await world.pool.query('DELETE FROM events WHERE id = (SELECT id FROM events LIMIT 1)');
  world.answerWith(() => 200);
  await world.recover();
  const states = await rows(
    'SELECT state::text, count(*)::int AS n FROM deliveries GROUP BY state ORDER BY state::text',
  );
  expect(states).toEqual([
    { state: 'canceled', n: 1 },
    { state: 'succeeded', n: 1 },
  ]);
  expect(world.orphans).toHaveLength(1);
});

it('one id for events of two partners: the second is a dead letter, and neither sees the other’s', async () => {
  const id = publicId('evt', newId());
  world.publish(envelope(id));
  await dispatchAll();
  world.publish(envelope(id, 'other'));
  await dispatchAll();
  expect(world.posts.map(({ subscription }) => subscription)).toEqual(['hook']);
  expect(await rows('SELECT reason, partner_id FROM dead_letters')).toEqual([
    { reason: 'id_reused', partner_id: 'other' },
  ]);
  expect(world.queue.every(({ acked }) => acked)).toBe(true);
});

it('one id twice in one batch of two lanes is new once', async () => {
  const id = publicId('evt', newId());
  const event = { id: newId(), partnerId: 'acme', type: 'a', timestamp: '2026-01-01T00:00:00Z', data: id };
  const record = { event, fanOut: 1, skipped: [], unmatched: null, leaseMs: 25_000 };
  const answers = await Promise.all([world.store.persist(record), world.store.persist(record)]);
  expect(answers.map(({ fresh }) => fresh).toSorted()).toEqual([false, true]);
});

it('a late first result leaves no attempt beside a delivery that was parked meanwhile', async () => {
  const event = { id: newId(), partnerId: 'acme', type: 'a', timestamp: '2026-01-01T00:00:00Z', data: '1' };
  const eventRecord = { event, fanOut: 1, skipped: [], unmatched: null, leaseMs: 25_000 };
  await world.store.persist(eventRecord);
  const [subscription] = await rows(`SELECT id::text FROM subscriptions WHERE partner_id = 'acme'`);
  const delivery = { deliveryId: newId(), subscriptionId: subscription.id, event, eventRecord };
  const verdict = { state: 'pending', retriesUsed: 0, nextDelayMs: 0, resumeAt: null } as const;
  await world.store.record({ ...delivery, result: null, verdict });
  const result = {
    startedAt: new Date(),
    durationMs: 1,
    outcome: 'succeeded',
    error: null,
    timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, reusedConnection: false },
    request: { url: 'https://hook/', headers: {} },
    response: null,
  } as const;
  await world.store.record({ ...delivery, result, verdict: { ...verdict, state: 'succeeded', nextDelayMs: null } });
  expect(await rows('SELECT number FROM attempts')).toEqual([]);
  await world.recover();
  expect(await rows('SELECT state::text, attempt_count FROM deliveries')).toEqual([
    { state: 'succeeded', attempt_count: 1 },
  ]);
});
