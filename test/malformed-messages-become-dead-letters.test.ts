import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let receiver: Receiver;
let sns: SNSClient;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 2 }), startReceiver()]);
  await service.addPartner('acme', [`${receiver.url}/hook`]);
  sns = new SNSClient(service.aws);
});
afterAll(async () => {
  sns.destroy();
  await Promise.all([service.stop(), receiver.close()]);
});

const BAD = [
  'not json',
  '{"partnerId":"acme"',
  '[]',
  '{"partnerId":"acme","type":"order.created"}',
  '{"partnerId":"acme","type":"a b","data":1}',
  '{"partnerId":"nobody","type":"order.created","data":1}',
  '{"partnerId":"acme","type":"order.created","data":1,"id":"evt_wrong"}',
  '{"partnerId":"acme","type":"order.created","data":1,"timestamp":"once"}',
];

it('messages that are no events go on record with their reason, and good ones between them are delivered', async () => {
  const good = (n: number) => `{"partnerId":"acme","type":"order.created","data":{"n":${n}}}`;
  const lane = { DataType: 'String', StringValue: 'live' };
  for (const [n, bad] of BAD.entries()) {
    for (const Message of [good(n), bad]) {
      const message = { TopicArn: service.topology.topicArn, Message, MessageAttributes: { lane } };
      await sns.send(new PublishCommand(message));
    }
  }
  await receiver.arrived('/hook', BAD.length);
  const letters = await until(
    async () => {
      const { body } = await service.call<{ data: { body: string; reason: string; detail: string }[] }>(
        'GET',
        '/v1/dead-letters',
      );
      return body.data;
    },
    (data) => data.length === BAD.length,
  );
  expect(new Set(letters.map(({ body }) => body))).toEqual(new Set(BAD));
  const reasonOf = (text: string) => letters.find(({ body }) => body === text)?.reason;
  expect(reasonOf('not json')).toBe('malformed');
  expect(reasonOf(BAD[5] as string)).toBe('unknown_partner');
  for (const { detail } of letters) expect(detail.length).toBeGreaterThan(10);
  expect(receiver.at('/hook')).toHaveLength(BAD.length);
});
