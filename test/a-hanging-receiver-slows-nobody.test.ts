/** Invariant 5, by order instead of time; `npm run bench:isolation` measures it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService(), startReceiver()]);
});
afterAll(() => Promise.all([service.stop(), receiver.close()]));

const HUNG = 1_000;
const OTHERS = 300;

it('while 1,000 events hang at one receiver, every event of another partner arrives at its first attempt', async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<number>();
  receiver.answer('/hang', () => released);
  await service.addPartner('a', [`${receiver.url}/hang`], { timeoutSeconds: 30 });
  await service.addPartner('b', [`${receiver.url}/fast`]);
  const event = { partnerId: 'a', type: 'order.created', data: {} };
  for (let sent = 0; sent < HUNG; sent += 500) {
    await service.call('POST', '/v1/events/batch', { events: Array.from({ length: 500 }, () => event) });
  }
  await Promise.all(Array.from({ length: OTHERS }, () => service.publish('b')));
  await receiver.arrived('/fast', OTHERS);
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === OTHERS);
  expect(receiver.at('/fast').map(({ headers }) => headers['postrider-attempt'])).toEqual(Array(OTHERS).fill('1'));

  // Not one of A's has been answered meanwhile, and few of them take up a slot: the others wait in Postgres.
  const { pending = 0 } = await until(service.deliveryStates, ({ pending = 0 }) => pending >= HUNG - 64);
  expect(pending).toBeLessThanOrEqual(HUNG);
  expect(receiver.at('/hang').length).toBeLessThanOrEqual(64);
  release(200);
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === HUNG + OTHERS, 60_000);
}, 120_000);
