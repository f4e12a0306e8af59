import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: ChildProcess;
let receiverUrl: string;

beforeAll(async () => {
  receiver = fork(fileURLToPath(new URL('support/rate-receiver.ts', import.meta.url)));
  const [{ port }] = (await once(receiver, 'message')) as [{ port: number }];
  receiverUrl = `http://127.0.0.1:${port}/rated`;
  service = await startService({ workers: 3 });
});
afterAll(async () => {
  receiver.disconnect();
  await service.stop();
});

const EVENTS = 2_000;
const PER_SECOND = 50;

/** When requests arrived, in milliseconds, and how many different events they were. */
async function arrivals(): Promise<{ times: number[]; events: number }> {
  const answer = once(receiver, 'message');
  receiver.send('arrivals');
  const [arrived] = (await answer) as [{ times: number[]; events: number }];
  return arrived;
}

it('2,000 events through three workers at 50 a second: never more than 55 in any one second, and all arrive', async () => {
  const [made] = await service.addPartner('acme', [receiverUrl], { rateLimit: PER_SECOND });
  expect(made).toMatchObject({ rateLimit: PER_SECOND });
  const event = { partnerId: 'acme', type: 'order.created', data: {} };
  for (let batch = 0; batch < EVENTS / 500; batch++) {
    await service.call('POST', '/v1/events/batch', { events: Array.from({ length: 500 }, () => event) });
  }
  const { times } = await until(arrivals, ({ events }) => events === EVENTS, 100_000);
  expect(times).toHaveLength(EVENTS);
  const inSecondFrom = times.map((from, at) => times.slice(at, at + 200).filter((time) => time < from + 1_000).length);
  expect(Math.max(...inSecondFrom)).toBeLessThanOrEqual(PER_SECOND * 1.1);
}, 150_000);
