import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { encodeEnvelope } from '../src/domain/event.ts';
import { type AcceptPorts, createAccept } from '../src/pipeline/accept.ts';
import { claimIdempotencyKey, markPublished } from '../src/store/idempotency.ts';
import { type CrashPoint, crashPoints, createStopwatch } from './support/crash-points.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  await world.addSubscription('acme', 'acme');
});
beforeEach(() => world.reset());
afterAll(() => world.close());

const ORDER = { partnerId: 'acme', type: 'order.created', data: '{"n":12345678901234567890}', lane: 'live' };

/** The request as an API process takes it, up to where the process dies. */
async function request(point: CrashPoint | null, key = 'order-1042') {
  const stopwatch = createStopwatch(point);
  const ports: AcceptPorts = {
    partnerExists: async () => true,
    claimKey: (claim) => claimIdempotencyKey(world.pool, claim),
    publish: async (event) => {
      world.publish(encodeEnvelope(event));
      return { ok: true };
    },
    markPublished: (claimed) => markPublished(world.pool, claimed),
  };
  const accept = createAccept(stopwatch.wrap(ports));
  const accepted = await Promise.race([accept(ORDER, { key, entry: 0 }), stopwatch.stopped]);
  return { accepted, stopwatch };
}

async function dispatchAll(): Promise<void> {
  const calm = createStopwatch(null);
  const { dispatch } = world.createProcess(calm);
  await Promise.all(world.receive(calm).map(dispatch));
}

it('a request with a key, stopped at any outside call and made again, is one event and one POST', async () => {
  const { stopwatch } = await request(null, 'a run without trouble');
  expect(stopwatch.calls).toBe(4); // partner, claim, publish, mark
  for (const [index, point] of crashPoints(stopwatch.calls).entries()) {
    for (const isDispatchedBetween of [true, false]) {
      await world.reset();
      const key = `order ${index} ${isDispatchedBetween}`;
      const died = await request(point, key);
      expect(died.stopwatch.at).not.toBeNull();
      expect(died.accepted).toBeUndefined();
      if (isDispatchedBetween) await dispatchAll();
      const { accepted } = await request(null, key);
      const again = await request(null, key);
      await dispatchAll();
      expect(accepted).toMatchObject({ ok: true });
      expect(again.accepted).toEqual(accepted);
      const { rows } = await world.pool.query('SELECT id FROM events');
      expect(rows, `${died.stopwatch.at}`).toEqual([{ id: accepted?.ok ? accepted.event.id : 'none' }]);
      expect(world.posts, `${died.stopwatch.at}`).toHaveLength(1);
      expect(world.queue.length).toBeLessThanOrEqual(2); // published again, where nobody knows whether it was
    }
  }
});
