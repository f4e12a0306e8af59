import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Arrival, type Receiver, startReceiver } from '../support/receiver.ts';
import { type Service, startService } from '../support/service.ts';
import { type Environment, startPostrider } from './run.ts';

const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

describe('postrider listen', () => {
  let service: Service;
  let receiver: Receiver;
  let env: Environment;

  beforeAll(async () => {
    [service, receiver] = await Promise.all([startService(), startReceiver()]);
    env = { POSTRIDER_URL: service.apiUrl, POSTRIDER_API_KEY: service.adminKey };
    await service.addPartner('acme', []);
  });
  afterAll(async () => {
    await service.stop();
    await receiver.close();
  });

  const verify = ({ body, headers }: Arrival, secret: string) =>
    new Webhook(secret).verify(body, headers as Record<string, string>);

  /** Accepted exactly as written: a number of 20 digits, and white space. */
  const send = async (type: string, data = '{ "n": 12345678901234567890 }') => {
    const { status } = await service.call('POST', '/v1/events', `{"partnerId":"acme","type":"${type}","data":${data}}`);
    expect(status).toBe(202);
  };

  const subscriptions = async () =>
    (await service.call<{ data: { id: string; url: string | null }[] }>('GET', '/v1/partners/acme/subscriptions')).body
      .data;

  it('forwards what happens from now on, signed, byte for byte, and leaves nothing behind', async () => {
    const forward = ['--forward', `${receiver.url}/hooks`, '--events', 'order.*, invoice.paid'];
    const listening = startPostrider(['listen', '--partner', 'acme', ...forward], env);
    const secret = /whsec_\S+/.exec(await listening.line(/Signing secret/))?.[0] as string;
    await listening.line(/Listening to sub_/);
    expect(await subscriptions()).toMatchObject([{ url: null, eventTypes: ['order.*', 'invoice.paid'] }]);

    receiver.answer('/hooks', (_, nth) => (nth === 2 ? 500 : 204));
    for (const type of ['order.created', 'user.added', 'invoice.paid', 'order.paid']) await send(type);
    await receiver.arrived('/hooks', 3);
    const arrivals = receiver.at('/hooks');
    for (const arrival of arrivals) {
      verify(arrival, secret);
      expect(arrival.body.toString()).toMatch(/,"data":\{ "n": 12345678901234567890 \}\}$/);
    }
    const types = arrivals.map(({ body }) => JSON.parse(body.toString()).type);
    expect(types.toSorted()).toEqual(['invoice.paid', 'order.created', 'order.paid']);
    expect(await listening.line(/→ 204/)).toMatch(/^\d\d:\d\d:\d\d {2}\S+ {2}evt_\w{26} {2}→ 204 \(\d+ ms\)$/);
    await listening.line(/→ 500/); // and the next came all the same

    expect(await listening.interrupt()).toBe(0);
    expect(await subscriptions()).toEqual([]);
  });

  it('waits for a receiver that is down, and goes on', async () => {
    const down = await startReceiver();
    const port = Number(new URL(down.url).port);
    await down.close();
    const listening = startPostrider(['listen', '--partner', 'acme', '--forward', `${down.url}/x`, '--json'], env);
    await listening.line(/subscriptionId/);
    await send('order.created');
    expect(JSON.parse(await listening.line(/eventId/))).toMatchObject({
      type: 'order.created',
      statusCode: null,
      error: 'ECONNREFUSED',
    });
    const up = await startReceiver(port);
    await up.arrived('/x', 1);
    expect(JSON.parse(await listening.line(/"statusCode":200/))).toMatchObject({ error: null });
    expect(up.at('/x')[0]?.headers['postrider-attempt']).not.toBe('1');
    expect(await listening.interrupt()).toBe(0);
    await up.close();
  });

  it('goes on with a subscription of one’s own where it stopped', async () => {
    const { body } = await service.call<{ id: string }>('POST', '/v1/partners/acme/subscriptions', {
      url: null,
      eventTypes: ['*'],
    });
    const listen = (path: string, ...args: string[]) => {
      const forward = ['--forward', receiver.url + path, '--subscription', body.id, '--secret', SECRET];
      return startPostrider(['listen', '--partner', 'acme', ...forward, ...args], env);
    };
    await send('before.it');
    const all = listen('/all', '--since-beginning');
    await receiver.arrived('/all', 1);
    verify(receiver.at('/all')[0] as Arrival, SECRET);

    const fromNow = listen('/now');
    await fromNow.line(/Listening/);
    await send('after.it');
    await receiver.arrived('/now', 1);
    expect(receiver.at('/now').map(({ body: text }) => JSON.parse(text.toString()).type)).toEqual(['after.it']);
    await receiver.arrived('/all', 2);
    await fromNow.line(/after\.it/);

    expect(await fromNow.interrupt()).toBe(0);
    const cursor = /--cursor (\S+)/.exec(await fromNow.line(/Go on with/))?.[1] as string;
    expect(await all.interrupt()).toBe(0);
    await send('while.away');
    const again = listen('/again', '--cursor', cursor);
    await receiver.arrived('/again', 1);
    const [first] = receiver.at('/again').map(({ body: text }) => JSON.parse(text.toString()).type);
    expect(['after.it', 'while.away']).toContain(first); // the page it was interrupted in comes again
    expect(await again.interrupt()).toBe(0);
    expect((await subscriptions()).map(({ id }) => id)).toContain(body.id);
  });

  it('ends with a line about a partner or subscription that is not there', async () => {
    const at = ['--forward', receiver.url];
    const nobody = startPostrider(['listen', '--partner', 'nobody', ...at], env);
    expect(await nobody.line(/postrider:/)).toMatch(/there is no partner nobody \(404 not_found\)/);
    const [sent] = await service.addPartner('other', [receiver.url]);
    const notPolled = startPostrider(['listen', '--partner', 'other', '--subscription', sent!.id, ...at], env);
    expect(await notPolled.line(/postrider:/)).toMatch(/409 not_polled/);
  });
});
