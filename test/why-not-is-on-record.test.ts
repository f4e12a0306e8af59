import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { deliveryId, newId, publicId, uuidFloor } from '../src/domain/ids.ts';
import { createEventReads } from '../src/store/events.ts';
import { createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

const HOUR_MS = 3_600_000;

describe('GET event', () => {
  let service: Service;
  let receiver: Receiver;

  beforeAll(async () => {
    [service, receiver] = await Promise.all([startService(), startReceiver()]);
    for (const id of ['nobody', 'acme']) await service.call('POST', '/v1/partners', { id, name: id });
  });
  afterAll(() => Promise.all([service.stop(), receiver.close()]));

  async function subscribe(path: string, settings: object): Promise<string> {
    const wanted = { url: receiver.url + path, eventTypes: ['order.*'], ...settings };
    return (await service.call<{ id: string }>('POST', '/v1/partners/acme/subscriptions', wanted)).body.id;
  }

  interface Shown {
    readonly deliveries: readonly { readonly subscriptionId: string; readonly state: string }[];
    readonly skipped: readonly object[];
    readonly unmatchedReason: string | null;
  }

  /** The event once it is on record and delivered. */
  async function recorded(partnerId: string, eventId: string, deliveries: number): Promise<Shown> {
    const path = `/v1/partners/${partnerId}/events/${eventId}`;
    const { body } = await until(
      () => service.call<Shown>('GET', path),
      ({ status, body }) => status === 200 && body.deliveries.length === deliveries,
    );
    return body;
  }

  it('says whom it passed by and why, and why it concerned nobody', async () => {
    const none = await service.publish('nobody', {});
    expect(await recorded('nobody', none, 0)).toMatchObject({ skipped: [], unmatchedReason: 'no_subscriptions' });

    const large = await subscribe('/large', { filter: { data: { total: [{ numeric: ['>', 100] }] } } });
    const small = await subscribe('/small', { filter: { data: { total: [{ numeric: ['<=', 100] }] } } });
    const disabled = await subscribe('/disabled', { enabled: false });
    const [some, other] = [
      await service.publish('acme', { total: 101 }),
      await service.publish('acme', 1, 'invoice.paid'),
    ];

    const event = await recorded('acme', some, 1);
    expect(event.deliveries.map(({ subscriptionId }) => subscriptionId)).toEqual([large]);
    expect(event.skipped).toEqual([
      { subscriptionId: small, reason: 'filtered' },
      { subscriptionId: disabled, reason: 'disabled' },
    ]);
    expect(event.unmatchedReason).toBeNull();
    expect(await recorded('acme', other, 0)).toMatchObject({ skipped: [], unmatchedReason: 'none_for_its_type' });
    expect(receiver.at('/small')).toEqual([]);

    const changed = await service.call('PATCH', `/v1/partners/acme/subscriptions/${small}`, { filter: null });
    expect(changed.status).toBe(200);
    expect((await recorded('acme', await service.publish('acme', { total: 101 }), 2)).skipped).toHaveLength(1);
  });
});

describe('an event that comes again', () => {
  let world: World;

  beforeAll(async () => {
    world = await createWorld();
  });
  beforeEach(() => world.addPartner('acme'));
  afterEach(async () => {
    await world.reset();
    await world.pool.query('DELETE FROM subscriptions');
    await world.pool.query('DELETE FROM partners');
  });
  afterAll(() => world.close());

  const envelope = (id: string, data: unknown = 1) =>
    JSON.stringify({ id: publicId('evt', id), partnerId: 'acme', type: 'order.created', data });

  async function dispatchAll() {
    const calm = createStopwatch(null);
    const { dispatch } = world.createProcess(calm);
    for (const message of world.receive(calm)) await dispatch(message);
  }

  const onRecord = async (id: string) => {
    const found = await createEventReads(world.pool).find('acme', id);
    return { skipped: found?.skipped, unmatched: found?.unmatched };
  };

  const anHourOld = () => `${uuidFloor(new Date(Date.now() - HOUR_MS)).slice(0, 14)}${newId().slice(14)}`;

  it('passing by hundreds names the first hundred, and counts the rest', async () => {
    await world.pool.query(
      `INSERT INTO subscriptions (id, partner_id, url, event_types, enabled)
       SELECT gen_random_uuid(), 'acme', 'https://x/', '{*}', false FROM generate_series(1, 250)`,
    );
    await world.pool.query(
      `UPDATE subscriptions SET id = (left(uuid_floor(now())::text, 14) || right(id::text, 22))::uuid`,
    );
    const id = newId();
    world.publish(envelope(id));
    await dispatchAll();
    const found = await createEventReads(world.pool).find('acme', id);
    expect(found?.skipped).toHaveLength(100);
    expect(found).toMatchObject({ skippedMore: 150, unmatched: null });
    expect(found?.skipped[99]).toMatchObject({ reason: 'disabled' });
  });

  it('a message received again much later passes by those who came meanwhile, and says so', async () => {
    await world.addSubscription('acme', 'first');
    await world.pool.query('UPDATE subscriptions SET id = $1', [anHourOld()]);
    const id = anHourOld();
    const published = () => world.publish(envelope(id), {}, new Date(Date.now() - HOUR_MS));
    published();
    await dispatchAll();
    expect(await onRecord(id)).toEqual({ skipped: [], unmatched: null });
    const later = await world.addSubscription('acme', 'later');
    published();
    await dispatchAll();
    expect(await onRecord(id)).toEqual({
      skipped: [{ subscriptionId: later, reason: 'created_later' }],
      unmatched: null,
    });
    expect(world.posts.map(({ subscription }) => subscription)).toEqual(['first']);
  });

  it('a message that waited for an hour passes by those who came meanwhile, in every worker alike', async () => {
    const later = await world.addSubscription('acme', 'later');
    const id = anHourOld();
    world.publish(envelope(id), {}, new Date(Date.now() - HOUR_MS));
    await dispatchAll();
    expect(await onRecord(id)).toEqual({
      skipped: [{ subscriptionId: later, reason: 'created_later' }],
      unmatched: null,
    });
    expect(world.posts).toEqual([]);
  });

  it('an old id of a producer’s own, published now, reaches those who are there now, a crash or not', async () => {
    await world.addSubscription('acme', 'now');
    const id = anHourOld();
    world.publish(envelope(id));
    const stopwatch = createStopwatch({ call: 1, when: 'after' });
    const { dispatch } = world.createProcess(stopwatch);
    await Promise.race([dispatch(world.receive(stopwatch)[0] as never), stopwatch.stopped]);
    expect([stopwatch.at, world.posts.length]).toEqual(['after persist', 0]);
    await world.recover();
    expect(world.posts.map(({ subscription }) => subscription)).toEqual(['now']);
    expect(await onRecord(id)).toEqual({ skipped: [], unmatched: null });
  });

  it('what a worker had matched with a stale cache when it died is put right by the next', async () => {
    const subscription = await world.addSubscription('acme', 'changed');
    const id = newId();
    world.publish(envelope(id, { n: 1 }));
    const stopwatch = createStopwatch({ call: 1, when: 'after' });
    const { dispatch, cache } = world.createProcess(stopwatch);
    await cache.get('acme');
    await world.pool.query('UPDATE subscriptions SET filter = $1', [{ data: { n: [2] } }]);
    await Promise.race([dispatch(world.receive(stopwatch)[0] as never), stopwatch.stopped]);
    expect(await onRecord(id)).toEqual({ skipped: [], unmatched: null });
    await world.recover();
    expect(await onRecord(id)).toEqual({
      skipped: [{ subscriptionId: subscription, reason: 'filtered' }],
      unmatched: null,
    });
    const { rows } = await world.pool.query('SELECT fan_out FROM events');
    expect([rows[0].fan_out, world.posts.length]).toEqual([0, 0]);
  });

  it('what it has reached is not said to be passed by', async () => {
    const subscription = await world.addSubscription('acme', 'disabled-since');
    const id = newId();
    world.publish(envelope(id));
    await dispatchAll();
    await world.pool.query('UPDATE subscriptions SET enabled = false');
    world.publish(envelope(id));
    await dispatchAll();
    expect(await onRecord(id)).toEqual({ skipped: [], unmatched: null });
    const { rows } = await world.pool.query('SELECT id FROM deliveries');
    expect(rows).toEqual([{ id: deliveryId(id, subscription) }]);
  });
});
