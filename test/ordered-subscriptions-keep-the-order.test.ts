import { afterEach, beforeEach, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;

beforeEach(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 2 }), startReceiver()]);
});
afterEach(() => Promise.all([service.stop(), receiver.close()]));

const numberOf = (body: Buffer): number => JSON.parse(body.toString()).data.n;

it('with two workers and random failures the receiver sees the sequence, one at a time', async () => {
  const EVENTS = 60;
  const sequence: { n: number; status: number }[] = [];
  let underWay = 0;
  receiver.answer('/line', async ({ body }) => {
    underWay++;
    expect(underWay).toBe(1);
    const status = Math.random() < 0.2 ? 500 : 200;
    await new Promise((resolve) => setImmediate(resolve));
    sequence.push({ n: numberOf(body), status });
    underWay--;
    return status;
  });
  await service.addPartner('acme', [`${receiver.url}/line`], { ordered: true });
  // In bursts of ten: their messages are in both workers' hands at once.
  for (let n = 0; n < EVENTS; n += 10) {
    await service.call('POST', '/v1/events/batch', {
      events: Array.from({ length: 10 }, (_, index) => ({ partnerId: 'acme', type: 'a', data: { n: n + index } })),
    });
  }
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === EVENTS, 90_000);
  const successes = sequence.filter(({ status }) => status === 200).map(({ n }) => n);
  expect(successes).toEqual(Array.from({ length: EVENTS }, (_, n) => n));
  // A failing one is tried again before any other is sent.
  for (const [index, { n, status }] of sequence.entries()) {
    if (status === 500) expect(sequence[index + 1]?.n).toBe(n);
  }
}, 120_000);

it('a stuck head is skipped by canceling it', async () => {
  receiver.answer('/line', ({ body }) => (numberOf(body) === 0 ? 500 : 200));
  await service.addPartner('acme', [`${receiver.url}/line`], { ordered: true });
  for (let n = 0; n < 3; n++) await service.publish('acme', { n });
  await receiver.arrived('/line', 2);
  expect(receiver.at('/line').map(({ body }) => numberOf(body))).toEqual([0, 0]);
  const { body } = await service.call<{ data: { id: string; attemptCount: number }[] }>(
    'GET',
    '/v1/partners/acme/deliveries?state=pending',
  );
  const head = body.data.at(-1); // newest first
  expect((await service.call('POST', `/v1/partners/acme/deliveries/${head?.id}/cancel`)).status).toBe(200);
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === 2);
  const seen = receiver.at('/line').map(({ body }) => numberOf(body));
  expect(seen.filter((n) => n > 0)).toEqual([1, 2]);
});
