import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Actor, POSTRIDER } from '../src/domain/actor.ts';
import { createDrain } from '../src/pipeline/drain.ts';
import { createRedrive, type RedrivePublished } from '../src/pipeline/redrive.ts';
import {
  askForRedrive,
  claimRedrives,
  findWaitingLetter,
  isEventOnRecord,
  markRedriven,
  putBackLetter,
  scheduleRedrives,
} from '../src/store/redrive.ts';
import { type CrashPoint, crashPoints, createStopwatch, type Stopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addSubscription('acme', 'healthy');
});
beforeEach(() => world.reset());
afterAll(() => world.close());

/** As direct producers send it: without an id. */
const WITHOUT_ID = '{"partnerId":"acme","type":"order.created","data":{"n":12345678901234567890}}';

async function drainAll(stopwatch: Stopwatch): Promise<void> {
  const drain = createDrain(stopwatch.wrap({ deadLetter: world.store.deadLetter }), { lane: 'live' });
  const work = (async () => {
    for (const message of world.receive(stopwatch)) await drain(message);
  })();
  await Promise.race([work, stopwatch.stopped]);
}

async function dispatchAll(): Promise<void> {
  const calm = createStopwatch(null);
  const { dispatch } = world.createProcess(calm);
  for (const message of world.receive(calm)) await dispatch(message);
}

function createRedriving(stopwatch: Stopwatch, now: () => number, published: RedrivePublished) {
  const { pool } = world;
  const calls = stopwatch.wrap({
    findWaiting: (id: string) => findWaitingLetter(pool, id),
    claimDue: (limit: number) => claimRedrives(pool, limit),
    isEvent: (id: string) => isEventOnRecord(pool, id),
    publish: async ({ body, attributes }: { body: string; attributes: Readonly<Record<string, string>> }) => {
      if (published.ok) world.publish(body, attributes);
      return published;
    },
    ask: (id: string, by: Actor) => askForRedrive(pool, id, by),
    markRedriven: (letter: { id: string; lastSeenAt: Date }) => markRedriven(pool, letter),
    putBack: (id: string, redriveAt: Date | null) => putBackLetter(pool, id, redriveAt),
  });
  return createRedrive({ ...calls, onRefused: () => undefined }, { lanes: ['live'], now });
}

async function redriveOne(
  stopwatch: Stopwatch,
  now: () => number = Date.now,
  published: RedrivePublished = { ok: true },
): Promise<unknown> {
  const redrive = createRedriving(stopwatch, now, published);
  const [letter] = await letters();
  return Promise.race([redrive.one(letter?.id as string, POSTRIDER), stopwatch.stopped]);
}

interface LetterRow {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly body: string;
  readonly receive_count: number;
  readonly redrive_at: Date | null;
}

const letters = async () => (await world.pool.query<LetterRow>('SELECT * FROM dead_letters ORDER BY id')).rows;

describe('a drain, stopped at any outside call', () => {
  async function play(point: CrashPoint | null): Promise<Stopwatch> {
    await world.reset();
    world.publish(WITHOUT_ID);
    world.publish('not json');
    const stopwatch = createStopwatch(point);
    await drainAll(stopwatch);
    return stopwatch;
  }

  it('deletes only what is on record, and puts each message on record once', async () => {
    const { calls } = await play(null);
    expect(calls).toBe(4);
    for (const point of crashPoints(calls)) {
      await play(point);
      const rows = await letters();
      for (const { body } of world.queue.filter(({ acked }) => acked)) {
        expect(rows.map((row) => row.body)).toContain(body);
      }
      await drainAll(createStopwatch(null));
      expect(world.queue.every(({ acked }) => acked)).toBe(true);
      expect(new Set((await letters()).map(({ body }) => body))).toEqual(new Set([WITHOUT_ID, 'not json']));
      expect(await letters()).toHaveLength(2);
    }
  });
});

describe('a redrive, stopped at any outside call', () => {
  async function play(body: string, point: CrashPoint | null): Promise<Stopwatch> {
    await world.reset();
    world.publish(body);
    await drainAll(createStopwatch(null));
    const stopwatch = createStopwatch(point);
    await redriveOne(stopwatch);
    return stopwatch;
  }

  it('delivers once in the end', async () => {
    const { calls } = await play(WITHOUT_ID, null);
    expect(calls).toBe(4); // find, ask, publish, mark
    for (const point of crashPoints(calls)) {
      await play(WITHOUT_ID, point);
      await dispatchAll();
      if ((await letters())[0]?.state === 'waiting') await redriveOne(createStopwatch(null));
      await dispatchAll();
      expect(world.posts).toHaveLength(1);
      expect(world.posts[0]?.body).toContain('{"n":12345678901234567890}');
      expect(await letters()).toMatchObject([{ state: 'redriven', body: WITHOUT_ID }]);
    }
  });

  it('is made in the background when it was asked for, even if whoever took it has died', async () => {
    const asked = 'SELECT count(*)::int AS n FROM audit';
    const entries = async () => (await world.pool.query<{ n: number }>(asked)).rows[0]?.n ?? 0;
    for (const point of crashPoints(4)) {
      const before = await entries();
      const { at } = await play(WITHOUT_ID, point);
      const isAsked = !/find|before ask/.test(at as string);
      expect(await entries(), `${at}`).toBe(before + (isAsked ? 1 : 0));
      await world.pool.query(`UPDATE dead_letters SET redrive_at = redrive_at - interval '61 seconds'`); // its lease
      await createRedriving(createStopwatch(null), Date.now, { ok: true }).due();
      await dispatchAll();
      expect(world.posts, `${at}`).toHaveLength(isAsked ? 1 : 0);
      expect(await letters(), `${at}`).toMatchObject([{ state: isAsked ? 'redriven' : 'waiting', redrive_at: null }]);
    }
  });

  it('leaves one letter of what is still no event', async () => {
    const { calls } = await play('not json', null);
    for (const point of crashPoints(calls)) {
      await play('not json', point);
      await dispatchAll();
      if ((await letters())[0]?.reason === 'receive_limit') await redriveOne(createStopwatch(null));
      await dispatchAll();
      expect(await letters()).toMatchObject([{ state: 'waiting', body: 'not json', reason: 'malformed' }]);
    }
  });
});

it('what had its result before it became a dead letter is not delivered again', async () => {
  world.publish(WITHOUT_ID);
  await dispatchAll();
  for (const message of world.queue) message.acked = false; // its worker crashed before it was deleted, ten times
  await drainAll(createStopwatch(null));
  await redriveOne(createStopwatch(null));
  await dispatchAll();
  expect(world.posts).toHaveLength(1);
  expect(await letters()).toMatchObject([{ state: 'redriven' }]);
});

it('says so when it is an event that can be taken for the same no more', async () => {
  world.publish(WITHOUT_ID);
  await dispatchAll();
  for (const message of world.queue) message.acked = false;
  await drainAll(createStopwatch(null));
  const inTwoWeeks = () => Date.now() + 14 * 86_400_000;
  expect(await redriveOne(createStopwatch(null), inTwoWeeks)).toBe('already_an_event');
  expect(await letters()).toMatchObject([{ state: 'waiting' }]);
});

it('a message that names somebody else’s letter is a letter of its own', async () => {
  world.publish('not json');
  await drainAll(createStopwatch(null));
  await redriveOne(createStopwatch(null));
  const attributes = world.queue.at(-1)?.attributes ?? {};
  expect(attributes.deadLetterId).toMatch(/^dl_/);
  world.publish('something else', attributes);
  await dispatchAll();
  expect((await letters()).map(({ body }) => body).sort()).toEqual(['not json', 'something else']);
});

it('one that the transport did not take waits as before: for a person, or for its turn in a bulk redrive', async () => {
  world.publish('not json');
  await drainAll(createStopwatch(null));
  const away = { ok: false, problem: 'unavailable', detail: 'away' } as const;
  expect(await redriveOne(createStopwatch(null), Date.now, away)).toEqual(away);
  expect(await letters()).toMatchObject([{ state: 'waiting', redrive_at: null }]);
  await scheduleRedrives(world.pool, {}, POSTRIDER);
  const [inLine] = await letters();
  expect(inLine?.redrive_at).not.toBeNull();
  await redriveOne(createStopwatch(null), Date.now, away);
  expect(await letters()).toEqual([inLine]);
});

it('letters that are long overdue are taken at the capped rate, by all processes together', async () => {
  await world.pool.query(
    `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, receive_count, redrive_at)
     SELECT md5(n::text)::uuid, 'live', 'malformed', 'd', n::text, '{}', 1, now() - interval '1 hour' FROM generate_series(1, 400) n`,
  );
  await world.pool.query(`UPDATE redrive_pace SET next_at = now() - interval '1 day'`);
  const since = performance.now();
  const taken: string[] = [];
  for (let round = 0; round < 5; round++) {
    const claims = await Promise.all(Array.from({ length: 4 }, () => claimRedrives(world.pool, 50)));
    taken.push(...claims.flat().map(({ id }) => id));
  }
  expect(taken.length).toBeGreaterThanOrEqual(50);
  expect(taken.length).toBeLessThanOrEqual(50 + (performance.now() - since) / 20);
  expect(new Set(taken).size).toBe(taken.length);
});

it('counts receives over redrives', async () => {
  world.publish('not json');
  await drainAll(createStopwatch(null));
  await redriveOne(createStopwatch(null));
  await dispatchAll();
  expect(await letters()).toMatchObject([{ receive_count: 2, state: 'waiting' }]);
});
