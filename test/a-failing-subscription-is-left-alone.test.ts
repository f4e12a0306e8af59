import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
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

interface Shown {
  readonly enabled: boolean;
  readonly disabledReason: string | null;
  readonly failingSince: string | null;
  readonly breaker: { readonly state: string; readonly since: string | null; readonly nextProbeAt: string | null };
}
const show = async (partner: string, id: string) =>
  (await service.call<Shown>('GET', `/v1/partners/${partner}/subscriptions/${id}`)).body;

const publishMany = (partner: string, count: number) =>
  Promise.all(Array.from({ length: count }, () => service.publish(partner)));

it('after failures in a row the breaker opens for all workers; a probe that succeeds lets everything through', async () => {
  const [subscription] = await service.addPartner('down', [`${receiver.url}/down`]);
  const id = subscription?.id as string;
  expect((await show('down', id)).breaker).toEqual({ state: 'closed', since: null, nextProbeAt: null });
  receiver.answer('/down', () => 500);
  await publishMany('down', 40);
  const { breaker } = await until(
    () => show('down', id),
    (shown) => shown.breaker.state === 'open',
    8_000,
  );
  expect(breaker.nextProbeAt).not.toBeNull();
  await until(
    () => service.deliveryStates(),
    ({ pending }) => pending === 40,
    8_000,
  );
  const before = receiver.at('/down').length;
  await publishMany('down', 100);
  await until(
    () => service.deliveryStates(),
    ({ pending }) => pending === 140,
    8_000,
  );
  expect(receiver.at('/down').length - before).toBeLessThanOrEqual(5); // probes

  receiver.answer('/down', () => 200);
  await until(
    () => service.deliveryStates(),
    ({ succeeded }) => succeeded === 140,
    8_000,
  );
  expect((await show('down', id)).breaker.state).toBe('closed');
  expect((await show('down', id)).failingSince).toBeNull();
});

it('Retry-After on one answer slows the whole subscription', async () => {
  const [subscription] = await service.addPartner('busy', [`${receiver.url}/busy`]);
  const id = subscription?.id as string;
  let pausedUntil = 0;
  const early: number[] = [];
  receiver.answer('/busy', (_, nth) => {
    if (nth > 1) {
      if (Date.now() < pausedUntil) early.push(pausedUntil - Date.now());
      return 200;
    }
    pausedUntil = Date.now() + 3_000;
    return { status: 429, headers: { 'retry-after': '3' } };
  });
  await service.publish('busy');
  await until(
    () => show('busy', id),
    (shown) => shown.breaker.state === 'open',
    8_000,
  );
  await publishMany('busy', 30);
  await receiver.arrived('/busy', 32);
  expect(early).toEqual([]);
});

it('a producer cannot publish Postrider’s own event types', async () => {
  const event = { partnerId: 'busy', type: 'subscription.disabled', data: {} };
  const { status, body } = await service.call('POST', '/v1/events', event);
  expect([status, body.code]).toEqual([422, 'reserved_event_type']);
});

it('a dead letter is told to the operator, a subscription that is gone to its partner', async () => {
  const settings = { url: `${receiver.url}/operator`, eventTypes: ['dead_letter.created'] };
  await service.call('POST', '/v1/partners/postrider/subscriptions', settings);
  const [gone] = await service.addPartner('acme', [`${receiver.url}/gone`], { eventTypes: ['order.*'] });
  await service.addPartner('acme', [`${receiver.url}/ops`], { eventTypes: ['subscription.disabled'] });
  receiver.answer('/gone', () => 410);
  await service.publish('acme');
  await receiver.arrived('/ops', 1);
  const told = JSON.parse(receiver.at('/ops')[0]?.body.toString() as string);
  expect(told).toMatchObject({ type: 'subscription.disabled', data: { subscriptionId: gone?.id, reason: 'gone' } });
  // Told first, then done: a moment later it is disabled.
  const disabled = await until(
    () => show('acme', gone?.id as string),
    ({ enabled }) => !enabled,
  );
  expect(disabled.disabledReason).toBe('gone');

  const sns = new SNSClient(service.aws);
  const lane = { DataType: 'String', StringValue: 'live' };
  const message = { TopicArn: service.topology.topicArn, Message: 'no JSON', MessageAttributes: { lane } };
  await sns.send(new PublishCommand(message)).finally(() => sns.destroy());
  await receiver.arrived('/operator', 1);
  const letter = JSON.parse(receiver.at('/operator')[0]?.body.toString() as string);
  expect(letter).toMatchObject({ type: 'dead_letter.created', data: { reason: 'malformed', lane: 'live' } });
});
