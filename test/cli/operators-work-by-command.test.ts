import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPublisher, createSnsTransport } from '../../src/pubsub/index.ts';
import { type Receiver, startReceiver } from '../support/receiver.ts';
import { type Service, startService } from '../support/service.ts';
import { until } from '../support/until.ts';
import { type Environment, postrider, postriderJson } from './run.ts';

interface Key {
  id: string;
  key: string;
  name: string;
}

describe('operators work by command', () => {
  let service: Service;
  let receiver: Receiver;
  let env: Environment;
  let badSubscription: string;

  beforeAll(async () => {
    [service, receiver] = await Promise.all([startService({ env: { RETRY_SCHEDULE: '100ms' } }), startReceiver()]);
    env = { POSTRIDER_URL: service.apiUrl, POSTRIDER_API_KEY: service.adminKey };
    const urls = ['good', 'flaky', 'bad'].map((path) => `${receiver.url}/${path}`);
    const made = await service.addPartner('acme', urls);
    badSubscription = made[2]!.id;
    receiver.answer('/flaky', (_, nth) => (nth === 1 ? 503 : 200));
  });
  afterAll(async () => {
    await service.stop();
    await receiver.close();
  });

  it('keys: creates one that works, lists it without its text, and revokes it', async () => {
    const create = ['keys', 'create', '--name', 'orders', '--scope', 'publish', '--partner', 'acme', '--expires', '1d'];
    const made = await postriderJson<Key & { expiresAt: string }>(create, env);
    expect(Date.parse(made.expiresAt) - Date.now()).toBeGreaterThan(86_000_000);
    const own = { ...env, POSTRIDER_API_KEY: made.key };
    const send = ['send', '--partner', 'acme', '--type', 'key.used', '--data', '1'];
    expect(await postrider(send, own)).toMatchObject({ code: 0, stdout: expect.stringMatching(/^evt_\w{26}\n$/) });

    const { stdout } = await postrider(['keys', 'list'], env);
    expect(stdout).toMatch(
      new RegExp(`^ID +NAME +SCOPE .*\n${made.id} +orders +publish +acme +…${made.key.slice(-4)} `),
    );
    expect(stdout).not.toContain(made.key);
    expect(await postrider(['keys', 'revoke', made.id], env)).toMatchObject({
      code: 0,
      stdout: `revoked ${made.id}\n`,
    });
    await until(
      () => postrider(send, own),
      ({ code, stderr }) => code === 1 && /\(401 .*POSTRIDER_API_KEY/.test(stderr),
    );
    expect(await postriderJson<Key[]>(['keys', 'list', '--partner', 'acme'], env)).toEqual([]);
  });

  it('send: data arrives byte for byte, from an option, a file or standard input', async () => {
    const data = '{ "id": 12345678901234567890, "n": 1.0,\n "text": "\\u00fc 🦊 \\"" }';
    const send = ['send', '--partner', 'acme', '--type', 'bytes.sent'];
    const before = receiver.at('/good').length;
    await postrider([...send, '--data', data], env);
    await postrider(send, env, `\n${data}\n`);
    await receiver.arrived('/good', before + 2);
    for (const { body } of receiver.at('/good').slice(before)) expect(body.toString()).toContain(`"data":${data}}`);
    expect(await postrider(send, env, Buffer.from([34, 0xff, 34]))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/not UTF-8/),
    });
  });

  it('send --wait: tells what became of it, and fails unless all succeeded', async () => {
    receiver.answer('/bad', () => 500);
    const send = ['send', '--partner', 'acme', '--type', 'waited.for', '--data', '{}', '--wait', '20s'];
    const { code, stdout, stderr } = await postrider(send, env);
    expect(code).toBe(1);
    expect(stderr).toMatch(/1 of 3 deliveries did not succeed/);
    expect(stdout).toMatch(/^evt_/);
    expect(stdout.match(/ succeeded /g)).toHaveLength(2);
    expect(stdout).toMatch(/ exhausted +2 +the receiver answered 500/);
    const nobody = await postrider(['send', '--partner', 'acme', '--type', 'x', '--data', '1', '--lane', 'none'], env);
    expect(nobody).toMatchObject({ code: 1, stderr: expect.stringMatching(/422 validation_failed/) });
  });

  it('recover: brings back what a subscription missed', async () => {
    receiver.answer('/bad', () => 200);
    const of = ['--partner', 'acme', '--subscription', badSubscription];
    const recovered = await postriderJson<{ state: string; redelivered: number }>(
      ['recover', ...of, '--since', '1h', '--wait'],
      env,
    );
    expect(recovered.state).toBe('succeeded');
    expect(recovered.redelivered).toBeGreaterThan(0);
    const none = await postrider(['recover', ...of, '--since', '1m', '--until', '1h'], env);
    expect(none).toMatchObject({ code: 1, stderr: expect.stringMatching(/since must be before/) });
  });

  it('dead-letters: lists, shows, redrives and discards', async () => {
    const publisher = createPublisher({
      transport: createSnsTransport({ topicArn: service.topology.topicArn, aws: service.aws }),
    });
    const bodies = ['no json', '{"partnerId":"unheard-of","type":"a.b","data":{"n":1}}', '[]'];
    for (const body of bodies) await publisher.publish({ body, groupId: 'x', attributes: { lane: 'live' } });
    await publisher.close();
    interface Letter {
      id: string;
      body: string;
      reason: string;
    }
    const list = (...args: string[]) =>
      postriderJson<Letter[]>(['dead-letters', 'list', '--since', '1h', ...args], env);
    const letters = await until(list, ({ length }) => length === 3);
    const find = (body?: string) => letters.find((letter) => letter.body === body)!.id;

    expect(await list('--reason', 'unknown_partner')).toHaveLength(1);
    const shown = await postrider(['dead-letters', 'show', find(bodies[0])], env);
    expect(shown.stdout).toMatch(/reason +malformed\n/);
    expect(shown.stdout.endsWith('\n\nno json\n')).toBe(true);

    await service.call('POST', '/v1/partners', { id: 'unheard-of', name: 'Heard of now' });
    expect(await postrider(['dead-letters', 'redrive', find(bodies[1])], env)).toMatchObject({ code: 0 });
    await until(
      () => service.call<{ data: unknown[] }>('GET', '/v1/partners/unheard-of/events'),
      ({ body }) => body.data.length === 1,
    );
    expect(await postrider(['dead-letters', 'discard', find(bodies[0]), find(bodies[2])], env)).toMatchObject({
      code: 0,
    });
    expect(await list()).toEqual([]);
    expect((await postrider(['dead-letters', 'redrive', '--all'], env)).stdout).toMatch(/^0 in line/);
    expect(await postrider(['dead-letters', 'show', find(bodies[0])], env)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/404 not_found/),
    });
  });
});
