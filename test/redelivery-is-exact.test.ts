import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { POSTRIDER } from '../src/domain/actor.ts';
import { newId, publicId } from '../src/domain/ids.ts';
import { cancelPending } from '../src/store/cancel-pending.ts';
import { cancelDelivery, redeliver } from '../src/store/redeliver.ts';
import { sendTest } from '../src/store/send-test.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';
import { until } from './support/until.ts';

let world: World;
let acme: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  acme = await world.addSubscription('acme', 'acme');
});
beforeEach(() => world.reset());
afterAll(() => world.close());

const stopwatch = createStopwatch(null);

async function dispatchOne(): Promise<string> {
  world.publish('{"partnerId":"acme","type":"order.created","data":{}}');
  const { dispatch } = world.createProcess(stopwatch);
  for (const message of world.receive(stopwatch)) await dispatch(message);
  return (await world.pool.query('SELECT id FROM deliveries')).rows[0].id;
}

async function retryDue(): Promise<void> {
  const { retry } = world.createProcess(stopwatch);
  await retry.claimOnce();
  await retry.idle();
}

const row = async (id: string) =>
  (await world.pool.query('SELECT *, next_attempt_at - now() AS wait FROM deliveries WHERE id = $1', [id])).rows[0];

const triggers = async () =>
  (await world.pool.query('SELECT trigger FROM attempts ORDER BY number')).rows.map(({ trigger }) => trigger);

it.each(['succeeded', 'exhausted', 'canceled'])('a delivery that is %s is attempted again, once', async (state) => {
  const id = await dispatchOne();
  await world.pool.query('UPDATE deliveries SET state = $1::delivery_state', [state]);
  expect(await redeliver(world.pool, id, POSTRIDER)).toBe('pending');
  await retryDue();
  await retryDue();
  expect(await row(id)).toMatchObject({ state: 'succeeded', attempt_count: 2, trigger: 'automatic' });
  expect(await triggers()).toEqual(['automatic', 'manual']);
  expect(new Set(world.posts.map(({ webhookId }) => webhookId)).size).toBe(1);
});

it('a pending delivery keeps its schedule when the attempt in between fails', async () => {
  world.answerWith(() => 500);
  const id = await dispatchOne();
  await world.elapse(2); // the schedule has set 5 s
  const before = await row(id);
  expect(await redeliver(world.pool, id, POSTRIDER)).toBe('pending');
  await retryDue();
  const after = await row(id);
  expect(after).toMatchObject({ state: 'pending', attempt_count: 2, retries_used: before.retries_used });
  expect(after.next_attempt_at).toEqual(before.next_attempt_at);
  expect(await triggers()).toEqual(['automatic', 'manual']);
});

it('a disabled subscription’s delivery stays as it is', async () => {
  const id = await dispatchOne();
  await world.pool.query('UPDATE subscriptions SET enabled = false');
  expect(await redeliver(world.pool, id, POSTRIDER)).toBe('subscription_disabled');
  expect(await sendTest(world.pool, { partnerId: 'acme', id: acme }, POSTRIDER)).toBe('subscription_disabled');
  await world.pool.query('UPDATE subscriptions SET enabled = true');
  expect(await row(id)).toMatchObject({ state: 'succeeded', attempt_count: 1 });
});

it('a test event reaches its subscription alone, is attempted once, and is on record', async () => {
  const other = await world.addSubscription('acme', 'other', ['*']);
  const narrow = await world.addSubscription('acme', 'narrow', ['never.*']);
  world.answerWith(() => 503);
  const sent = await sendTest(world.pool, { partnerId: 'acme', id: narrow }, POSTRIDER);
  if (typeof sent === 'string') throw new Error(sent);
  await retryDue();
  expect(world.posts).toMatchObject([{ subscription: 'narrow', webhookId: publicId('evt', sent.eventId) }]);
  expect(JSON.parse(world.posts[0]?.body as string)).toMatchObject({ type: 'postrider.test' });
  expect(await row(sent.deliveryId as string)).toMatchObject({ state: 'exhausted', attempt_count: 1 });
  expect(await triggers()).toEqual(['test']);
  expect(await sendTest(world.pool, { partnerId: 'rival', id: narrow }, POSTRIDER)).toBe('not_found');
  await world.pool.query('UPDATE subscriptions SET deleted_at = now() WHERE id = ANY($1)', [[other, narrow]]);
});

it('a test event that fails is news to nobody, and attempted once again when it is redelivered', async () => {
  const ops = await world.addSubscription('acme', 'ops', ['delivery.*']);
  world.answerWith(() => 503);
  const sent = await sendTest(world.pool, { partnerId: 'acme', id: acme }, POSTRIDER);
  if (typeof sent === 'string') throw new Error(sent);
  await retryDue();
  expect(await redeliver(world.pool, sent.deliveryId as string, POSTRIDER)).toBe('pending');
  await retryDue();
  expect(await row(sent.deliveryId as string)).toMatchObject({ state: 'exhausted', attempt_count: 2 });
  expect(world.queue).toEqual([]);
  await world.pool.query('UPDATE subscriptions SET deleted_at = now() WHERE id = $1', [ops]);
});

/** Has a second attempt hang while `meanwhile` happens; it then fails. */
async function duringAttempt(meanwhile: (id: string) => Promise<void>): Promise<string> {
  world.answerWith(() => 500);
  const id = await dispatchOne();
  await world.elapse(6);
  world.answerWith(async () => {
    world.answerWith(() => 200);
    await meanwhile(id);
    return 500;
  });
  await retryDue();
  return id;
}

const repeated = () => world.posts.length - new Set(world.posts.map(({ attempt }) => attempt)).size;

it('while an attempt is under way a redelivery is refused, canceled or not', async () => {
  const answers: string[] = [];
  const id = await duringAttempt(async (hanging) => {
    answers.push(await redeliver(world.pool, hanging, POSTRIDER));
    await cancelDelivery(world.pool, hanging, POSTRIDER);
    answers.push(await redeliver(world.pool, hanging, POSTRIDER));
    await retryDue();
  });
  expect(answers).toEqual(['in_progress', 'in_progress']);
  expect(await row(id)).toMatchObject({ state: 'canceled', attempt_count: 2, leased: false });
  expect(await redeliver(world.pool, id, POSTRIDER)).toBe('pending'); // its result is on record
  await retryDue();
  expect(await row(id)).toMatchObject({ state: 'succeeded', attempt_count: 3 });
  expect(repeated()).toBe(0);
});

it('a recovery of what was canceled during an attempt waits for the attempt', async () => {
  const id = await duringAttempt(async (hanging) => {
    expect(await cancelPending(world.pool, acme, POSTRIDER)).toBe(1);
    await world.pool.query(
      `INSERT INTO recoveries (id, subscription_id, partner_id, since, until, states, source, position)
       VALUES ($1, $2, 'acme', now() - interval '1 hour', now() + interval '1 hour', '{canceled}', 'deliveries', uuid_floor(now() - interval '1 hour'))`,
      [newId(), acme],
    );
    const { recover, kill } = world.createRecovering(stopwatch);
    await recover();
    await kill();
    expect(await row(hanging)).toMatchObject({ state: 'pending', trigger: 'recovery' });
    await retryDue();
  });
  expect(await row(id)).toMatchObject({ state: 'pending', attempt_count: 2 });
  await world.elapse(301);
  await retryDue();
  expect(await row(id)).toMatchObject({ state: 'succeeded', attempt_count: 3 });
  expect(repeated()).toBe(0);
});

it('a canceled delivery whose worker died is redelivered when the lease has run out', async () => {
  const id = await dispatchOne();
  await world.pool.query(
    `UPDATE deliveries SET state = 'pending', leased = true, finished_at = NULL, next_attempt_at = now() + interval '100 ms'`,
  );
  await cancelDelivery(world.pool, id, POSTRIDER);
  expect(
    await until(
      () => redeliver(world.pool, id, POSTRIDER),
      (answer) => answer !== 'in_progress',
    ),
  ).toBe('pending');
});

it('all that is pending of one subscription is canceled, and nothing else', async () => {
  const other = await world.addSubscription('acme', 'other');
  await world.pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, finished_at, state, event_type)
     SELECT gen_id, s, gen_id, CASE WHEN st = 'pending' THEN now() END, CASE WHEN st <> 'pending' THEN now() END, st::delivery_state, 'a'
     FROM unnest($1::uuid[]) s, unnest('{pending,succeeded}'::text[]) st, generate_series(1, 1300) n,
       LATERAL (SELECT (left(uuid_floor(now())::text, 14) || '7' || substr(t, 2, 3) || '-8' || substr(t, 5, 3) || '-' || substr(t, 8, 12))::uuid
         AS gen_id FROM md5(s::text || st || n) t) g`,
    [[acme, other]],
  );
  expect(await cancelPending(world.pool, acme, POSTRIDER)).toBe(1_300);
  expect(await cancelPending(world.pool, acme, POSTRIDER)).toBe(0);
  const { rows } = await world.pool.query(
    'SELECT subscription_id AS s, state, count(*)::int AS n FROM deliveries GROUP BY 1, 2 ORDER BY 1, 2',
  );
  expect(rows).toEqual([
    { s: acme, state: 'succeeded', n: 1300 },
    { s: acme, state: 'canceled', n: 1300 },
    { s: other, state: 'pending', n: 1300 },
    { s: other, state: 'succeeded', n: 1300 },
  ]);
});
