import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Arrival, type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';

let service: Service;
let receiver: Receiver;
let secret: string;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService(), startReceiver()]);
  // The first attempt of every event fails: each body is seen twice.
  const attempts = new Map<string, number>();
  receiver.answer('/hook', ({ headers }) => {
    const id = headers['webhook-id'] as string;
    attempts.set(id, (attempts.get(id) ?? 0) + 1);
    return attempts.get(id) === 1 ? 503 : 200;
  });
  const [subscription] = await service.addPartner('acme', [`${receiver.url}/hook`]);
  secret = subscription?.secret as string;
});
afterAll(() => Promise.all([service.stop(), receiver.close()]));

const DATA = [
  '{"n":12345678901234567890,"f":1.0,"e":1E400,"z":-0}',
  '{"z":1,"10":2,"9":3,"a":4,"a":5}',
  '{ "spaced" :\t[ 1 ,\r\n 2 ] }',
  '"emoji 🚀🇩🇪 and \u2028\u2029 and \\ud83d\\ude80 and \\u0000 and é"',
  '["\\/","/","\\u00e9"]',
  'null',
  '0.1e-7',
  '{}',
  `{"long":"${'ü'.repeat(60_000)}"}`,
];

it.each(DATA.map((data) => [data.length > 80 ? `${data.slice(0, 20)}…` : data, data]))(
  'delivers %s byte for byte, at the first attempt and at the retry, and both verify',
  async (_title, data) => {
    const before = receiver.at('/hook').length;
    const body = `{"type":"order.created", "data": ${data} ,"partnerId":"acme"}`;
    const { status, body: accepted } = await service.call('POST', '/v1/events', body);
    expect(status).toBe(202);
    await receiver.arrived('/hook', before + 2);
    const arrivals = receiver.at('/hook').slice(before);
    for (const arrival of arrivals) expectIntact(arrival, accepted, data);
    expect(arrivals.map(({ headers }) => headers['postrider-attempt'])).toEqual(['1', '2']);
  },
);

it('does the same for every event of a batch', async () => {
  const before = receiver.at('/hook').length;
  const events = DATA.slice(0, 8).map((data) => `{"partnerId":"acme","data":${data},"type":"a.b"}`);
  const { body } = await service.call<{ data: { id: string; timestamp: string }[] }>(
    'POST',
    '/v1/events/batch',
    `{ "events": [ ${events.join(' ,\n')} ] }`,
  );
  await receiver.arrived('/hook', before + 16);
  for (const [index, { id, timestamp }] of body.data.entries()) {
    const arrivals = receiver.at('/hook').filter(({ headers }) => headers['webhook-id'] === id);
    expect(arrivals).toHaveLength(2);
    for (const arrival of arrivals) expectIntact(arrival, { type: 'a.b', timestamp }, DATA[index] as string);
  }
});

function expectIntact(arrival: Arrival, accepted: { type?: unknown; timestamp?: unknown }, data: string): void {
  const body = arrival.body.toString();
  expect(body).toBe(`{"type":"${accepted.type}","timestamp":"${accepted.timestamp}","data":${data}}`);
  new Webhook(secret).verify(body, arrival.headers as Record<string, string>);
}
