import { describe, expect, it } from 'vitest';
import { createResolver, type NameServers } from './resolver.ts';

const fail = async (code: string): Promise<string[]> => {
  throw Object.assign(new Error(`query ${code}`), { code });
};

/** Name servers that answer from a table; what is not in it is an error code. */
function answering(four: string[] | string, six: string[] | string): NameServers & { readonly asked: string[] } {
  const asked: string[] = [];
  const answer = (what: string[] | string) => (name: string) => {
    asked.push(name);
    return typeof what === 'string' ? fail(what) : Promise.resolve(what);
  };
  return { asked, resolve4: answer(four), resolve6: answer(six) };
}

const noSystem = () => fail('ENOTFOUND');

describe('a host', () => {
  it.each([
    ['203.0.113.7', ['203.0.113.7']],
    ['2001:db8::1', ['2001:db8::1']],
    ['localhost', ['127.0.0.1', '::1']],
    ['LOCALHOST.', ['127.0.0.1', '::1']],
    ['hooks.localhost', ['127.0.0.1', '::1']],
  ])('%s needs no name server', async (host, addresses) => {
    const nameServers = answering(['9.9.9.9'], []);
    expect(await createResolver({ nameServers, system: noSystem })(host)).toEqual(addresses);
    expect(nameServers.asked).toEqual([]);
  });

  it.each([
    [['1.1.1.1', '1.0.0.1'], ['2606::1'], ['1.1.1.1', '1.0.0.1', '2606::1']],
    [['1.1.1.1'], 'ENODATA', ['1.1.1.1']],
    ['ENODATA', ['2606::1'], ['2606::1']],
    [['1.1.1.1'], 'ESERVFAIL', ['1.1.1.1']],
  ])('with A %j and AAAA %j has the addresses %j', async (four, six, addresses) => {
    const resolve = createResolver({ nameServers: answering(four, six), system: noSystem });
    expect(await resolve('hooks.test')).toEqual(addresses);
  });

  it('whose AAAA never comes is answered with its A', async () => {
    const nameServers: NameServers = {
      resolve4: async () => ['1.1.1.1'],
      resolve6: () => new Promise(() => undefined),
    };
    expect(await createResolver({ nameServers })('hooks.test')).toEqual(['1.1.1.1']);
  });

  it.each([
    ['ENOTFOUND', 'ENOTFOUND', 'the name hooks.test does not resolve'],
    ['ENODATA', 'ENODATA', 'the name hooks.test does not resolve'],
    ['ENODATA', 'ESERVFAIL', 'the name hooks.test could not be resolved (ESERVFAIL)'],
    ['ETIMEOUT', 'ETIMEOUT', 'the name hooks.test could not be resolved (its name servers do not answer)'],
  ])('with %s and %s fails: %s', async (four, six, message) => {
    const resolve = createResolver({ nameServers: answering(four, six), system: noSystem });
    await expect(resolve('hooks.test')).rejects.toMatchObject({ outcome: 'dns_failed', message });
  });
});

describe('the operating system', () => {
  it.each(['ENOTFOUND', 'ENODATA', 'ECONNREFUSED'])('is asked after %s', async (code) => {
    const resolve = createResolver({ nameServers: answering(code, code), system: async () => ['10.0.0.9'] });
    expect(await resolve('box')).toEqual(['10.0.0.9']);
  });

  it('is not asked while the name servers fail', async () => {
    const resolve = createResolver({
      nameServers: answering('ESERVFAIL', 'ESERVFAIL'),
      system: async () => ['10.0.0.9'],
    });
    await expect(resolve('box')).rejects.toMatchObject({ outcome: 'dns_failed' });
  });

  it('is asked for two names at a time, and for sixteen more in turn', async () => {
    const asked: string[] = [];
    const answers: ((addresses: string[]) => void)[] = [];
    const full = Promise.withResolvers<void>();
    const system = (name: string) => {
      asked.push(name);
      if (asked.length === 2) full.resolve();
      return new Promise<string[]>((resolve) => answers.push(resolve));
    };
    const resolve = createResolver({ nameServers: answering('ENOTFOUND', 'ENOTFOUND'), system });
    const names = Array.from({ length: 20 }, (_, n) => `n${n}.test`);
    const results = names.map((name) => resolve(name).catch((error: Error) => error.message));
    await full.promise;
    expect(await Promise.all(results.slice(18))).toEqual([
      'the name n18.test does not resolve',
      'the name n19.test does not resolve',
    ]);
    expect(asked).toEqual(['n0.test', 'n1.test']);
    for (const [n, result] of results.slice(0, 18).entries()) {
      answers[n]?.([`10.0.0.${n}`]);
      expect(await result).toEqual([`10.0.0.${n}`]);
    }
  });
});

it('look-ups of one name in flight are shared, and not kept', async () => {
  const nameServers = answering(['1.1.1.1'], 'ENODATA');
  const resolve = createResolver({ nameServers });
  await Promise.all([resolve('hooks.test'), resolve('Hooks.Test'), resolve('hooks.test.')]);
  expect(nameServers.asked).toEqual(['hooks.test', 'hooks.test']); // A and AAAA
  await resolve('hooks.test');
  expect(nameServers.asked).toHaveLength(4);
});

it('a name of this machine is found', async () => {
  await expect(createResolver()('nobody.invalid')).rejects.toMatchObject({ outcome: 'dns_failed' });
});
