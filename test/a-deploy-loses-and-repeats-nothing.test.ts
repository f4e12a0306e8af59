/** Two APIs behind a load balancer and two workers are replaced one after the other, while events come in all the time. */
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startBalancer } from './support/balancer.ts';
import { type CountingReceiver, startCountingReceiver } from './support/counting-receiver.ts';
import { type Role, type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

const TRAFFIC_MS = 60_000;
const REPLACED = 4;
const balancer = startBalancer();

let service: Service;
let receiver: CountingReceiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([
    startService({ workers: 2, env: { DRAIN_DELAY: '1s' } }),
    startCountingReceiver(),
  ]);
});
afterAll(async () => {
  await balancer.stop();
  receiver.close();
  await service.stop();
});

/** Publishes some 100 events a second, over connections that stay open. Every one has to be accepted. */
async function traffic(until: number): Promise<string[]> {
  const accepted: string[] = [];
  const event = JSON.stringify({ partnerId: 'acme', type: 'order.created', data: {} });
  const headers = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' };
  async function publisher(): Promise<void> {
    while (Date.now() < until) {
      const response = await fetch(`${balancer.next()}/v1/events`, { method: 'POST', headers, body: event });
      expect(response.status).toBe(202);
      accepted.push(((await response.json()) as { id: string }).id);
      await delay(40);
    }
  }
  await Promise.all(Array.from({ length: 4 }, publisher));
  return accepted;
}

/** One new process, then one old one less: APIs and workers in turn. */
async function rollingDeploy(until: number): Promise<void> {
  const apis: { role: Role; url: string }[] = [{ role: service.api, url: service.apiUrl }, await service.startApi()];
  const workers: Role[] = [...service.workers];
  for (const { url } of apis) await balancer.add(url);
  await delay(TRAFFIC_MS / (REPLACED + 2));
  for (let n = 0; n < REPLACED / 2; n++) {
    const next = await service.startApi();
    await balancer.add(next.url);
    const old = apis.shift() as { role: Role; url: string };
    expect(await old.role.kill('SIGTERM')).toBe(0);
    balancer.remove(old.url);
    apis.push(next);
    await delay(TRAFFIC_MS / (REPLACED + 2) / 2);

    workers.push(await service.startWorker());
    expect(await workers.shift()?.kill('SIGTERM')).toBe(0);
    await delay(TRAFFIC_MS / (REPLACED + 2) / 2);
  }
  expect(Date.now()).toBeLessThan(until); // all of it under load
}

it('two APIs and two workers replaced during 60 s of traffic: every request accepted, every event sent exactly once', async () => {
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  await balancer.add(service.apiUrl);
  const end = Date.now() + TRAFFIC_MS;
  const [accepted] = await Promise.all([traffic(end), rollingDeploy(end)]);
  expect(accepted.length).toBeGreaterThan(1_000);
  await until(receiver.counts, ({ events }) => events === accepted.length, 60_000);
  await until(service.deliveryStates, ({ succeeded = 0 }) => succeeded === accepted.length);
  expect(new Set(await receiver.events())).toEqual(new Set(accepted));
  expect(await receiver.repeated()).toEqual([]);
  expect(await service.deliveryStates()).toEqual({ succeeded: accepted.length });
}, 150_000);
