import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { newId, publicId } from '../src/domain/ids.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;
let sns: SNSClient;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 2 }), startReceiver()]);
  await service.addPartner('acme', [`${receiver.url}/one`, `${receiver.url}/two`]);
  sns = new SNSClient(service.aws);
});
afterAll(async () => {
  sns.destroy();
  await Promise.all([service.stop(), receiver.close()]);
});

const envelope = (id: string) => `{"id":"${id}","partnerId":"acme","type":"order.created","data":{}}`;

async function publishDirectly(body: string): Promise<void> {
  const lane = { DataType: 'String', StringValue: 'live' };
  const message = { TopicArn: service.topology.topicArn, Message: body, MessageAttributes: { lane } };
  await sns.send(new PublishCommand(message));
}

const queueIsEmpty = async () => {
  const { rows } = await service.pool.query(`SELECT count(*)::int AS n FROM deliveries WHERE state = 'pending'`);
  return rows[0].n === 0;
};

it('a message that two workers have at once, five times over, is sent once to each subscription', async () => {
  const ids = Array.from({ length: 100 }, () => publicId('evt', newId()));
  // Receivers are slow, so that the copies meet while the first is under way.
  receiver.answer('/one', () => new Promise((resolve) => setTimeout(() => resolve(200), 300)));
  const copies = ids.flatMap((id) => [id, id, id, id, id]);
  await Promise.all(copies.map((id) => publishDirectly(envelope(id))));
  await receiver.arrived('/one', 100);
  await receiver.arrived('/two', 100);
  // Copies in the other worker's hands come back when the first one's lease has run out: wait until all are dealt with.
  await until(
    () => depth(),
    (messages) => messages === 0,
    60_000,
  );
  expect(await queueIsEmpty()).toBe(true);
  for (const path of ['/one', '/two']) {
    const seen = receiver.at(path).map(({ headers }) => headers['webhook-id']);
    expect(seen).toHaveLength(100);
    expect(new Set(seen)).toEqual(new Set(ids));
  }
}, 90_000);

it('a repeated Idempotency-Key gives the same event, sent once; another body is refused', async () => {
  const before = receiver.at('/two').length;
  const headers = { 'idempotency-key': 'order-1042' };
  const event = { partnerId: 'acme', type: 'order.created', data: { n: 1 } };
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => service.call('POST', '/v1/events', event, headers)),
  );
  expect(new Set(answers.map(({ body }) => JSON.stringify(body))).size).toBe(1);
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  const reused = await service.call('POST', '/v1/events', { ...event, data: { n: 2 } }, headers);
  expect([reused.status, reused.body.code]).toEqual([422, 'idempotency_key_reused']);
  await receiver.arrived('/two', before + 1); // before that SNS may not have passed it on yet
  await until(
    () => depth(),
    (messages) => messages === 0,
    60_000,
  );
  expect(receiver.at('/two').length - before).toBe(1);
}, 90_000);

/** Messages that are waiting or in some worker's hands. */
async function depth(): Promise<number> {
  const { createSqsTransport } = await import('../src/pubsub/index.ts');
  const queue = createSqsTransport({ queueUrl: service.topology.lanes.live?.queueUrl as string, aws: service.aws });
  const { waiting, inFlight } = await queue.depth();
  queue.close();
  return waiting + inFlight;
}
