import { describe, expect, it } from 'vitest';
import { createEgressGuard } from '../../src/webhook/egress-guard.ts';
import { brief, httpReceiver, post } from './receiver.ts';
import { testbed } from './testbed.ts';

const { senderWith, use } = testbed();

const ok = (_request: unknown, response: { end(): unknown }) => response.end();

describe('names and addresses', () => {
  it('a name that does not exist', async () => {
    const result = await senderWith().send(post('http://nobody.invalid/'));
    const error = 'the name nobody.invalid does not resolve';
    expect(brief(result)).toEqual({ outcome: 'dns_failed', error, status: null });
    expect(result.timing).toMatchObject({ dnsMs: null, connectMs: null });
  });

  it.each([
    ['a literal', 'http://10.0.0.5/', [], '10.0.0.5 is a private address'],
    ['odd notation', 'http://0xa9fea9fe/', [], '169.254.169.254 is a link-local address'],
    ['a name', 'http://inside.test/', ['10.0.0.5'], 'inside.test resolves to a private address'],
    [
      'one of several',
      'http://mixed.test/',
      ['8.8.8.8', '::ffff:10.0.0.5'],
      'mixed.test resolves to a private address',
    ],
  ])('%s that leads to a private address', async (_what, url, addresses, error) => {
    const resolver = addresses.length > 0 ? { resolver: async () => addresses } : {};
    const result = await senderWith(resolver).send(post(url));
    expect(brief(result)).toEqual({ outcome: 'blocked_address', error, status: null });
  });

  it('no connection is made to a blocked address, nor to its lawful siblings', async () => {
    const receiver = await use(httpReceiver(ok));
    const narrow = createEgressGuard({ allowedCidrs: ['127.0.0.1'] });
    const sender = senderWith({ guard: narrow, resolver: async () => ['127.0.0.1', '127.0.0.2'] });
    const result = await sender.send(post(`http://mixed.test:${receiver.port}/`));
    expect(result.outcome).toBe('blocked_address');
    expect(receiver.connections()).toBe(0);
  });

  it('a name is resolved once a connection: what was vetted is what is connected to', async () => {
    const asked: string[] = [];
    const lawful = await use(httpReceiver((_request, response) => response.setHeader('connection', 'close').end()));
    const narrow = createEgressGuard({ allowedCidrs: ['127.0.0.1'] });
    const resolver = async (name: string) => [asked.push(name) === 1 ? '127.0.0.1' : '127.0.0.2'];
    const sender = senderWith({ guard: narrow, resolver });
    const url = `http://rebinding.test:${lawful.port}/`;
    expect((await sender.send(post(url))).outcome).toBe('succeeded');
    expect(asked).toEqual(['rebinding.test']);
    const second = await sender.send(post(url));
    expect(second).toMatchObject({ outcome: 'blocked_address', timing: { connectMs: null } });
    expect(asked).toHaveLength(2);
    expect(lawful.connections()).toBe(1);
  });
});
