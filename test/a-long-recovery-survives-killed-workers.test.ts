/**
 * A recovery worked off by worker processes of which two are killed on the way. RECOVERED sets how many deliveries were missed: 10,000
 * in the ordinary run, 100,000 by hand.
 */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { deliveryId, newId, parsePublicId } from '../src/domain/ids.ts';
import { type CountingReceiver, startCountingReceiver } from './support/counting-receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

const MISSED = Number(process.env.RECOVERED ?? 10_000);
const LONGEST_MS = 60_000 + MISSED * 6;

let service: Service;
let receiver: CountingReceiver;

beforeAll(async () => {
  service = await startService({ workers: 2 });
  await service.call('POST', '/v1/partners', { id: 'acme', name: 'acme' });
});
beforeEach(async () => {
  receiver?.close();
  receiver = await startCountingReceiver();
});
afterAll(async () => {
  receiver.close();
  await service.stop();
});

/** A subscription with so many exhausted deliveries of the last hour. */
async function missedDeliveries(): Promise<string> {
  const { body } = await service.call<{ id: string }>('POST', '/v1/partners/acme/subscriptions', {
    url: `${receiver.url}/hook`,
    eventTypes: ['order.*'],
  });
  const subscription = parsePublicId('sub', body.id) as string;
  for (let left = MISSED; left > 0; left -= 5_000) {
    const events = Array.from({ length: Math.min(left, 5_000) }, newId);
    await service.pool.query(
      `WITH event AS (
         INSERT INTO events (id, lease_until, fan_out, partner_id, type, data)
         SELECT id, now(), 1, 'acme', 'order.created', '{"n":1}' FROM unnest($1::uuid[]) id
       )
       INSERT INTO deliveries (id, subscription_id, event_id, finished_at, state, attempt_count, event_type)
       SELECT d, $3, e, now(), 'exhausted', 10, 'order.created' FROM unnest($1::uuid[], $2::uuid[]) AS i (e, d)`,
      [events, events.map((id) => deliveryId(id, subscription)), subscription],
    );
  }
  return body.id;
}

async function recover(subscription: string) {
  const path = `/v1/partners/acme/subscriptions/${subscription}/recoveries`;
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const { status, body } = await service.call<{ id: string }>('POST', path, { since, states: ['exhausted'] });
  expect(status).toBe(202);
  return { read: async () => (await service.call(`GET`, `${path}/${body.id}`)).body };
}

const arrived = (count: number) => until(receiver.counts, ({ events }) => events >= count, LONGEST_MS);

it(
  'without a kill each missed delivery arrives exactly once',
  async () => {
    const recovery = await recover(await missedDeliveries());
    await arrived(MISSED);
    await until(recovery.read, ({ state }) => state === 'succeeded');
    expect(await recovery.read()).toMatchObject({ redelivered: MISSED });
    expect(await receiver.counts()).toEqual({ requests: MISSED, events: MISSED });
  },
  LONGEST_MS,
);

it(
  'with two workers killed on the way each arrives at least once, and only what was in flight is repeated',
  async () => {
    const workers = [...service.workers];
    const recovery = await recover(await missedDeliveries());
    for (const share of [0.25, 0.5]) {
      await arrived(MISSED * share);
      await workers.shift()?.kill('SIGKILL');
      workers.push(await service.startWorker());
    }
    await arrived(MISSED);
    await until(recovery.read, ({ state }) => state === 'succeeded');
    await until(service.deliveryStates, ({ pending = 0 }) => pending === 0, 90_000);
    expect(await service.deliveryStates()).toEqual({ succeeded: 2 * MISSED });
    const { requests } = await receiver.counts();
    expect(requests - MISSED).toBeLessThanOrEqual(2 * 64); // at most what two killed workers had in flight to one subscription
  },
  LONGEST_MS,
);
