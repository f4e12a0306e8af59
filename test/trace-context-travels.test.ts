import { afterAll, beforeAll, expect, it } from 'vitest';
import { createSqsTransport } from '../src/pubsub/index.ts';
import { type Service, startService } from './support/service.ts';

let service: Service;

beforeAll(async () => {
  service = await startService({ workers: 0 });
  await service.call('POST', '/v1/partners', { id: 'acme', name: 'Acme' });
});
afterAll(() => service.stop());

it.each([
  ['00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', true],
  ['00-00000000000000000000000000000000-00f067aa0ba902b7-01', false],
  ['nonsense', false],
])('a request’s traceparent %s is an attribute of its message: %s', async (traceparent, expected) => {
  const event = { partnerId: 'acme', type: 'a', data: 1 };
  expect((await service.call('POST', '/v1/events', event, { traceparent })).status).toBe(202);
  expect((await service.call('POST', '/v1/events/batch', { events: [event] }, { traceparent })).status).toBe(202);
  const queueUrl = service.topology.lanes.live?.queueUrl as string;
  const queue = createSqsTransport({ queueUrl, aws: service.aws });
  const messages = [];
  while (messages.length < 2) {
    messages.push(...(await queue.receive({ maxMessages: 10, waitSeconds: 1, visibilitySeconds: 60 })));
  }
  await queue.deleteBatch(messages.map(({ receipt }) => receipt));
  queue.close();
  for (const { attributes } of messages) {
    expect(attributes).toEqual(expected ? { lane: 'live', traceparent } : { lane: 'live' });
  }
});
