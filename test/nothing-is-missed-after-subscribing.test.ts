import { afterAll, beforeAll, expect, it } from 'vitest';
import { times } from './support/emulator.ts';
import { type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';

let service: Service;
let receiver: Receiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService({ workers: 2 }), startReceiver()]);
});
afterAll(() => Promise.all([service.stop(), receiver.close()]));

const ROUNDS = times(1_000, 104);
const AT_ONCE = 8;

it(`an event accepted after a subscription’s 201 reaches it, ${ROUNDS} times, with two workers`, async () => {
  await service.call('POST', '/v1/partners', { id: 'acme', name: 'Acme' });
  const owed: { path: string; eventId: string }[] = [];

  async function subscribeAndPublish(round: number): Promise<void> {
    const path = `/s${round}`;
    // A type of its own: only this subscription wants the event, and all workers' caches hold an older version.
    const { status } = await service.call('POST', '/v1/partners/acme/subscriptions', {
      url: receiver.url + path,
      eventTypes: [`round.n${round}`],
    });
    expect(status).toBe(201);
    owed.push({ path, eventId: await service.publish('acme', { round }, `round.n${round}`) });
  }

  for (let round = 0; round < ROUNDS; round += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, (_, index) => subscribeAndPublish(round + index)));
  }
  await Promise.all(owed.map(({ path }) => receiver.arrived(path, 1)));
  for (const { path, eventId } of owed) {
    expect(receiver.at(path).map(({ headers }) => headers['webhook-id'])).toEqual([eventId]);
  }
}, 180_000);
