import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CountingReceiver, startCountingReceiver } from './support/counting-receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: CountingReceiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 3 }), startCountingReceiver()]);
});
afterAll(async () => {
  receiver.close();
  await service.stop();
});

const EVENTS = 2_000;
const PER_SECOND = 50;

it('2,000 events through three workers at 50 a second: never more than 55 in any one second, and all arrive', async () => {
  const [made] = await service.addPartner('acme', [`${receiver.url}/rated`], { rateLimit: PER_SECOND });
  expect(made).toMatchObject({ rateLimit: PER_SECOND });
  const event = { partnerId: 'acme', type: 'order.created', data: {} };
  for (let batch = 0; batch < EVENTS / 500; batch++) {
    await service.call('POST', '/v1/events/batch', { events: Array.from({ length: 500 }, () => event) });
  }
  await until(receiver.counts, ({ events }) => events === EVENTS, 100_000);
  const times = await receiver.times();
  expect(times).toHaveLength(EVENTS);
  const inSecondFrom = times.map((from, at) => times.slice(at, at + 200).filter((time) => time < from + 1_000).length);
  expect(Math.max(...inSecondFrom)).toBeLessThanOrEqual(PER_SECOND * 1.1);
}, 150_000);
