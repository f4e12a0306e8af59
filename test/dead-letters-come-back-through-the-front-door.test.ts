import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

interface Letter {
  readonly id: string;
  readonly state: string;
  readonly reason: string;
  readonly body: string;
  readonly lane: string;
  readonly partnerId: string | null;
  readonly receiveCount: number;
  readonly lastSeenAt: string;
}

let service: Service;
let receiver: Receiver;
let sns: SNSClient;
let sqs: SQSClient;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 0 }), startReceiver()]);
  await service.addPartner('acme', [`${receiver.url}/acme`]);
  sns = new SNSClient(service.aws);
  sqs = new SQSClient(service.aws);
  await poison();
  await service.startWorker();
});
afterAll(async () => {
  sns.destroy();
  sqs.destroy();
  await Promise.all([service.stop(), receiver.close()]);
});

const POISON = '{"partnerId":"acme","type":"order.created","data":{"n":1}}';

const publish = (Message: string, lane: string) =>
  sns.send(
    new PublishCommand({
      TopicArn: service.topology.topicArn,
      Message,
      MessageAttributes: { lane: { DataType: 'String', StringValue: lane } },
    }),
  );

/** A message that whoever receives it never finishes: the queue gives it up after ten receives. */
async function poison(): Promise<void> {
  await publish(POISON, 'bulk');
  const QueueUrl = service.topology.lanes.bulk?.queueUrl as string;
  const receive = new ReceiveMessageCommand({ QueueUrl, VisibilityTimeout: 0, WaitTimeSeconds: 1 });
  for (let receives = 0; receives < 10; ) receives += (await sqs.send(receive)).Messages?.length ?? 0;
  expect((await sqs.send(receive)).Messages ?? []).toEqual([]);
}

const list = async (query: string) =>
  (await service.call<{ data: Letter[] }>('GET', `/v1/dead-letters?${query}`)).body.data;

const letterOf = async (body: string, good: (letter: Letter) => boolean = () => true): Promise<Letter> => {
  const found = await until(
    async () => (await list('limit=250')).find((letter) => letter.body === body && good(letter)),
    (letter) => letter !== undefined,
  );
  return found as Letter;
};

const redrive = (id: string) => service.call<Letter>('POST', `/v1/dead-letters/${id}/redrive`);

it('a message that no worker finished is drained, and delivered once when it is redriven', async () => {
  const letter = await letterOf(POISON);
  expect(letter).toMatchObject({ reason: 'receive_limit', lane: 'bulk', partnerId: 'acme', state: 'waiting' });
  expect(letter.receiveCount).toBeGreaterThanOrEqual(10);
  expect(await redrive(letter.id)).toMatchObject({ status: 202, body: { state: 'redriven' } });
  await receiver.arrived('/acme', 1);
  expect(await redrive(letter.id)).toMatchObject({ status: 409, body: { code: 'already_redriven' } });
  expect((await list('state=redriven')).map(({ id }) => id)).toContain(letter.id);
  // Its event is the one it would have been in the first place.
  expect(receiver.at('/acme')[0]?.headers['webhook-id']).toBe(letter.id.replace('dl_', 'evt_'));
});

it('an unknown partner’s event is delivered after the partner was created', async () => {
  const body = '{"partnerId":"later","type":"order.created","data":"byte  for\\u0020byte"}';
  await publish(body, 'live');
  const { id, reason } = await letterOf(body);
  expect(reason).toBe('unknown_partner');
  await service.addPartner('later', [`${receiver.url}/later`]);
  await redrive(id);
  await receiver.arrived('/later', 1);
  expect(receiver.at('/later')[0]?.body.toString()).toContain('"data":"byte  for\\u0020byte"}');
});

it('one that is still no event comes back as the same letter', async () => {
  await publish('still not json', 'live');
  const before = await letterOf('still not json');
  await redrive(before.id);
  const after = await letterOf('still not json', ({ lastSeenAt }) => lastSeenAt > before.lastSeenAt);
  expect(after).toMatchObject({ id: before.id, state: 'waiting', receiveCount: before.receiveCount + 1 });
  expect((await list('limit=250')).filter(({ body }) => body === 'still not json')).toHaveLength(1);
});

it('all, or those selected, are redriven in the background, at a capped rate', async () => {
  const before = new Date().toISOString();
  await service.pool.query(
    `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, receive_count)
     SELECT md5(n::text)::uuid, 'live', 'unknown_partner', 'there is no partner',
       format('{"partnerId":"acme","type":"order.created","data":%s}', n), '{}', 1 FROM generate_series(1, 60) n`,
  );
  await service.pool.query(
    `UPDATE dead_letters SET id = (lpad(to_hex(floor(extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7' ||
       substr(md5(body), 1, 3) || '8' || substr(md5(body), 4, 15))::uuid WHERE reason = 'unknown_partner' AND state = 'waiting'`,
  );
  const asked = performance.now();
  const answer = await service.call('POST', '/v1/dead-letters/redrive', { reason: 'unknown_partner', since: before });
  expect(answer).toMatchObject({ status: 202, body: { count: 60 } });
  await receiver.arrived('/acme', 61);
  expect(performance.now() - asked).toBeGreaterThan(59 * 20);
  await until(
    () => list('reason=unknown_partner&limit=250'),
    (waiting) => waiting.length === 0,
  );
  expect(receiver.at('/acme')).toHaveLength(61);
});

it('a discarded letter is gone', async () => {
  const { id } = await letterOf('still not json');
  expect((await fetch(`${service.apiUrl}/v1/dead-letters/${id}`, discard())).status).toBe(204);
  expect((await fetch(`${service.apiUrl}/v1/dead-letters/${id}`, discard())).status).toBe(404);
  expect(await redrive(id)).toMatchObject({ status: 404 });
});

const discard = () => ({ method: 'DELETE', headers: { authorization: `Bearer ${service.adminKey}` } });
