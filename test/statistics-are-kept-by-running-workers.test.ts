import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 2 }), startReceiver()]);
});
afterAll(() => Promise.all([service.stop(), receiver.close()]));

it('what two workers attempted is counted while one of them is elected for housekeeping', async () => {
  receiver.answer('/flaky', (_arrival, nth) => (nth === 1 ? 503 : 200));
  const [subscription] = await service.addPartner('acme', [`${receiver.url}/flaky`]);
  await Promise.all(Array.from({ length: 20 }, () => service.publish('acme')));
  await receiver.arrived('/flaky', 21);
  type Answer = { total: { attempts: number; outcomes: Record<string, number> } };
  const path = `/v1/partners/acme/subscriptions/${subscription?.id}/stats?window=1h`;
  const stats = async () => (await service.call<Answer>('GET', path)).body.total;
  const total = await until(stats, ({ attempts }) => attempts === 21);
  expect(total.outcomes).toMatchObject({ succeeded: 20, http_error: 1 });
  const { rows } = await service.pool.query('SELECT count(*)::int AS left FROM uncounted_attempts');
  expect(rows[0].left).toBe(0);
});
