import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId } from '../src/domain/ids.ts';
import { createWorld, type World } from './support/pipeline-world.ts';

let world: World;
let acme: string;

beforeAll(async () => {
  world = await createWorld();
  await world.addPartner('acme');
  acme = await world.addSubscription('acme', 'acme');
});
afterAll(() => world.close());

async function putDelivery(withEvent: boolean): Promise<string> {
  const id = newId();
  if (withEvent) {
    const event = `INSERT INTO events (id, lease_until, fan_out, partner_id, type, data) VALUES ($1, now(), 1, 'acme', 'a', '1')`;
    await world.pool.query(event, [id]);
  }
  await world.pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, next_attempt_at, state, event_type) VALUES ($1, $2, $1, now(), 'pending', 'a')`,
    [id, acme],
  );
  return id;
}

const claim = () =>
  world.store.claim({
    ...{ limit: 10, perSubscription: 10, free: new Map(), defaultTimeoutMs: 15_000 },
    after: '00000000-0000-0000-0000-000000000000',
  });

it('a delivery without its event is canceled; when that fails, those claimed with it are attempted all the same', async () => {
  const [orphan, other] = [await putDelivery(false), await putDelivery(true)];
  await world.pool.query(`CREATE TRIGGER refuse BEFORE UPDATE ON deliveries FOR EACH ROW
    WHEN (NEW.state = 'canceled') EXECUTE FUNCTION refuse_change()`);
  expect((await claim()).claimed.map(({ deliveryId }) => deliveryId)).toEqual([other]);
  expect(world.orphans).toEqual([orphan]);
  expect(world.retried.map(({ message }) => message)).toEqual([expect.stringContaining('append-only')]);

  await world.pool.query('DROP TRIGGER refuse ON deliveries');
  await world.elapse(30); // its lease
  await claim();
  const { rows } = await world.pool.query('SELECT state FROM deliveries WHERE id = $1', [orphan]);
  expect(rows).toEqual([{ state: 'canceled' }]);
});
