import pg from 'pg';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deliveryId, newId, publicId } from '../src/domain/ids.ts';
import { createFeed, type Feed } from '../src/store/feed.ts';
import { crashPoints, createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;
let feed: Feed;
let polled: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addSubscription('acme', 'sent', ['order.*']);
  polled = await world.addSubscription('acme', 'polled', ['order.*']);
  await world.pool.query('UPDATE subscriptions SET url = NULL WHERE id = $1', [polled]);
  feed = createFeed(world.pool);
});
beforeEach(() => world.reset());
afterAll(() => world.close());

/** Reads from a position until nothing comes any more. */
async function readAll(limit: number, from = '0'): Promise<{ ids: string[]; position: string }> {
  const ids: string[] = [];
  for (let position = from; ; ) {
    const page = await feed.read(polled, position, limit);
    expect(page.events.length).toBeLessThanOrEqual(limit);
    if (page.events.length === 0) return { ids, position };
    ids.push(...page.events.map(({ id }) => id));
    position = page.position;
  }
}

async function insert(client: pg.ClientBase, event: string): Promise<void> {
  await client.query(
    `INSERT INTO events (id, lease_until, fan_out, partner_id, type, data) VALUES ($1, now(), 1, 'acme', 'order.created', '{}')`,
    [event],
  );
  await client.query('INSERT INTO feed (delivery_id, subscription_id, event_id) VALUES ($1, $2, $3)', [
    deliveryId(event, polled),
    polled,
    event,
  ]);
}

const WRITERS = 8;
const ROUNDS = 40;

it('transactions that commit late and out of order are skipped by no poller, and repeated to none', async () => {
  const { connectionString } = world.pool.options;
  const clients = Array.from(
    { length: WRITERS },
    () => new pg.Client({ connectionString: connectionString as string }),
  );
  await Promise.all(clients.map((client) => client.connect()));
  const written: string[] = [];
  let isOver = false;

  async function poll(limit: number): Promise<string[]> {
    const seen: string[] = [];
    for (let position = '0'; ; ) {
      const wasOver = isOver;
      const page = await feed.read(polled, position, limit);
      seen.push(...page.events.map(({ id }) => id));
      position = page.position;
      if (wasOver && page.events.length === 0) return seen;
    }
  }

  async function write(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      for (const client of clients) {
        await client.query('BEGIN');
        const events = Array.from({ length: 1 + Math.floor(Math.random() * 4) }, newId);
        for (const event of events) await insert(client, event);
        written.push(...events);
      }
      // All are open by now: those that began first commit last, as often as not.
      for (const client of clients.toSorted(() => Math.random() - 0.5)) await client.query('COMMIT');
    }
  }

  const pollers = [poll(3), poll(7), poll(250)];
  await write().finally(() => {
    isOver = true;
  });
  const [first, ...others] = await Promise.all(pollers);
  expect(first?.toSorted()).toEqual(written.toSorted());
  for (const other of others) expect(other).toEqual(first);
  expect((await readAll(11)).ids).toEqual(first);
  await Promise.all(clients.map((client) => client.end()));
}, 60_000);

it('a cursor goes on where it was, also when retention has dropped all that was before it', async () => {
  const early = [newId(), newId(), newId()].toSorted();
  for (const event of early) await insert(world.pool as never, event);
  const before = await readAll(2);
  expect(before.ids).toEqual(early);
  await world.pool.query('TRUNCATE feed, events');
  const late = newId();
  await insert(world.pool as never, late);
  expect((await readAll(2, before.position)).ids).toEqual([late]);
});

it('dispatch feeds it once and sends it nothing, wherever a worker dies', async () => {
  const play = async (point: Parameters<typeof createStopwatch>[0]) => {
    await world.reset();
    const id = newId();
    world.publish(
      `{"id":"${publicId('evt', id)}","partnerId":"acme","type":"order.created","data":{"n":12345678901234567890}}`,
    );
    const stopwatch = createStopwatch(point);
    const { dispatch } = world.createProcess(stopwatch);
    const work = Promise.all(world.receive(stopwatch).map(dispatch));
    await Promise.race([work, stopwatch.stopped]);
    if (world.queue[0]?.acked) expect((await readAll(10)).ids).toEqual([id]);
    await world.recover();
    const { events } = await feed.read(polled, '0', 10);
    expect(events).toMatchObject([{ id, data: '{"n":12345678901234567890}' }]);
    expect(world.posts.every(({ subscription }) => subscription === 'sent')).toBe(true);
    const { rows } = await world.pool.query('SELECT FROM deliveries');
    expect(rows).toHaveLength(1);
    return stopwatch.calls;
  };
  const calls = await play(null);
  for (const point of crashPoints(calls)) await play(point);
});
