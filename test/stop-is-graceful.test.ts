import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;

beforeEach(async () => {
  [service, receiver] = await Promise.all([startService(), startReceiver()]);
});
afterEach(() => Promise.all([service.stop(), receiver.close()]));

it('on SIGTERM a worker finishes what is in flight, records it, hands the rest back and exits with 0; a second SIGTERM changes nothing', async () => {
  await service.addPartner('acme', [`${receiver.url}/slow`]);
  const { promise: released, resolve: release } = Promise.withResolvers<number>();
  receiver.answer('/slow', () => released);
  const ids = await Promise.all(Array.from({ length: 20 }, () => service.publish('acme')));
  await receiver.arrived('/slow', 20);

  const [worker] = service.workers;
  const exited = worker?.kill('SIGTERM');
  void worker?.kill('SIGTERM');
  const late = await service.publish('acme'); // perhaps still taken, perhaps handed back, or left for the next worker
  release(200);
  expect(await exited).toBe(0);

  const { succeeded, pending } = await service.deliveryStates();
  expect([20, 21]).toContain(succeeded);
  expect(pending).toBeUndefined();
  await service.startWorker();
  await receiver.arrived('/slow', 21);
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === 21);
  const seen = receiver.at('/slow').map(({ headers }) => headers['webhook-id']);
  expect(seen.toSorted()).toEqual([...ids, late].toSorted()); // each once
});

it('the API finishes the requests it has taken', async () => {
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  const requests = Array.from({ length: 50 }, () => service.publish('acme'));
  const answered = Promise.allSettled(requests);
  await Promise.race(requests);
  expect(await service.api.kill('SIGTERM')).toBe(0);
  const accepted = (await answered).flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  expect(accepted.length).toBeGreaterThan(0);
  await until(
    () => accepted.filter((id) => !receiver.at('/hook').some(({ headers }) => headers['webhook-id'] === id)).length,
    (missing) => missing === 0,
  );
});
