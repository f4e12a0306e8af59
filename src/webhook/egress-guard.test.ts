import { describe, expect, it } from 'vitest';
import { checkTargetUrl, createEgressGuard } from './egress-guard.ts';

const guard = createEgressGuard({ allowedCidrs: [] });
const reasonOf = (address: string): string | null => {
  const verdict = guard.check(address);
  return verdict.allowed ? null : verdict.reason;
};

describe('an address', () => {
  it.each([
    ['8.8.8.8'],
    ['1.1.1.1'],
    ['172.15.255.255'],
    ['172.32.0.1'],
    ['192.167.255.255'],
    ['100.63.255.255'],
    ['100.128.0.1'],
    ['223.255.255.255'],
    ['2606:4700:4700::1111'],
    ['2a00:1450:4001:80b::200e'],
    ['::ffff:8.8.8.8'],
    ['64:ff9b::8.8.8.8'],
  ])('%s is global and may be reached', (address) => {
    expect(guard.check(address)).toEqual({ allowed: true });
  });

  it.each([
    ['0.0.0.0', 'an unspecified address'],
    ['0.1.2.3', 'an unspecified address'],
    ['127.0.0.1', 'a loopback address'],
    ['127.255.255.254', 'a loopback address'],
    ['10.0.0.5', 'a private address'],
    ['172.16.0.1', 'a private address'],
    ['172.31.255.255', 'a private address'],
    ['192.168.1.1', 'a private address'],
    ['169.254.169.254', 'a link-local address'],
    ['100.64.0.1', 'a carrier-grade NAT address'],
    ['100.127.255.255', 'a carrier-grade NAT address'],
    ['224.0.0.1', 'a multicast address'],
    ['255.255.255.255', 'a broadcast address'],
    ['192.0.0.8', 'a reserved address'],
    ['192.0.2.1', 'a reserved address'],
    ['198.51.100.1', 'a reserved address'],
    ['203.0.113.7', 'a reserved address'],
    ['198.18.0.1', 'a reserved address'],
    ['240.0.0.1', 'a reserved address'],
    ['::', 'an unspecified address'],
    ['::1', 'a loopback address'],
    ['fe80::1', 'a link-local address'],
    ['fe80::1%eth0', 'a link-local address'],
    ['fec0::1', 'a private address'],
    ['fd00:ec2::254', 'a private address'],
    ['fc00::1', 'a private address'],
    ['ff02::1', 'a multicast address'],
    ['100::1', 'a reserved address'],
    ['2001:db8::1', 'a reserved address'],
    ['2001:2::1', 'a reserved address'],
    ['3fff::1', 'a reserved address'],
    ['4000::1', 'a reserved address'],
    ['5f00::1', 'a reserved address'],
    ['2002:808:808::1', 'a 6to4 address'],
    ['::8.8.8.8', 'a reserved address'],
    ['::808:808', 'a reserved address'],
    ['64:ff9b:1:808:8:800::', 'a reserved address'],
    ['::ffff:127.0.0.1', 'a loopback address'],
    ['::ffff:a9fe:a9fe', 'a link-local address'],
  ])('%s is %s', (address, kind) => {
    expect(guard.check(address)).toEqual({ allowed: false, kind, reason: `${address} is ${kind}` });
  });

  it.each([
    ['::127.0.0.1', '127.0.0.1, a loopback address'],
    ['::a00:5', '10.0.0.5, a private address'],
    ['::ffff:0:10.0.0.5', '10.0.0.5, a private address'],
    ['64:ff9b::169.254.169.254', '169.254.169.254, a link-local address'],
    ['64:ff9b:1::10.0.0.5', '10.0.0.5, a private address'],
    ['64:ff9b:1:a00:0:500::', '10.0.0.5, a private address'],
    ['2002:7f00:1::', '127.0.0.1, a loopback address'],
    ['2002:a9fe:a9fe::1', '169.254.169.254, a link-local address'],
    ['2001:0:4136:e378:8000:63bf:f5ff:fffa', '10.0.0.5, a private address'],
  ])('%s carries %s', (address, inner) => {
    expect(reasonOf(address)).toBe(`${address} carries ${inner}`);
  });

  it.each(['', 'localhost', '0x7f.1', '010.0.0.1', '127.1', '2130706433', '8.8.8.8 ', '[::1]'])(
    '%j is not one',
    (text) => {
      expect(reasonOf(text)).toBe(`${text} is not an IP address`);
    },
  );
});

describe('allowed ranges', () => {
  const open = createEgressGuard({ allowedCidrs: ['10.1.0.0/16', '127.0.0.1', 'fd12::/16', ' 64:ff9b:1::/48'] });
  it.each([
    ['10.1.2.3', true],
    ['::ffff:10.1.2.3', true],
    ['64:ff9b::10.1.2.3', true],
    ['64:ff9b:1::10.1.2.3', true],
    ['64:ff9b:1::10.2.2.3', false],
    ['2002:a01:203::1', false],
    ['10.2.0.1', false],
    ['127.0.0.1', true],
    ['127.0.0.2', false],
    ['fd12:3456::1', true],
    ['fd13::1', false],
    ['8.8.8.8', true],
  ])('%s: %s', (address, allowed) => {
    expect(open.check(address).allowed).toBe(allowed);
  });

  it('of all of IPv6 do not open the IPv4 addresses inside', () => {
    const all6 = createEgressGuard({ allowedCidrs: ['::/0'] });
    expect(all6.check('::1').allowed).toBe(true);
    for (const address of ['::ffff:10.0.0.1', '64:ff9b::10.0.0.1', '2002:a00:1::', '::10.0.0.1']) {
      expect(all6.check(address).allowed).toBe(false);
    }
  });

  it.each(['10.0.0.0/33', '10.0.0.0/x', 'ten', '10/8', '', '::/129'])('%j is refused', (cidr) => {
    expect(() => createEgressGuard({ allowedCidrs: [cidr] })).toThrow('not a CIDR range');
  });
});

describe('a URL', () => {
  it.each([
    ['http://0x7f.1/', '127.0.0.1 is a loopback address'],
    ['http://2130706433/', '127.0.0.1 is a loopback address'],
    ['http://0177.0.0.1/', '127.0.0.1 is a loopback address'],
    ['http://127.1/', '127.0.0.1 is a loopback address'],
    ['http://127.0.0.1./', '127.0.0.1 is a loopback address'],
    ['http://①②⑦.0.0.1/', '127.0.0.1 is a loopback address'],
    ['http://0/', '0.0.0.0 is an unspecified address'],
    ['http://[::1]/', '::1 is a loopback address'],
    ['http://[0:0:0:0:0:0:0:1]:80/', '::1 is a loopback address'],
    ['http://[::ffff:127.0.0.1]/', '::ffff:7f00:1 is a loopback address'],
    ['http://[::ffff:169.254.169.254]/', '::ffff:a9fe:a9fe is a link-local address'],
    ['http://[64:ff9b::10.0.0.1]/', '64:ff9b::a00:1 carries 10.0.0.1, a private address'],
  ])('%s: %s', (text, reason) => {
    expect(guard.checkUrl(new URL(text))).toMatchObject({ allowed: false, reason });
    const message = { code: 'blocked_address', message: reason };
    expect(checkTargetUrl(text, { allowHttp: true, guard })).toEqual(message);
  });

  it.each([
    'https://example.com/hooks?a=b',
    'https://8.8.8.8:8443/',
    'https://[2606:4700::1]/',
    'https://bücher.example/',
  ])('%s will do', (text) => {
    expect(checkTargetUrl(text, { allowHttp: false, guard })).toBeNull();
  });

  it.each([
    ['example.com', 'the URL must be absolute, such as https://example.com/webhooks'],
    ['/hooks', 'the URL must be absolute, such as https://example.com/webhooks'],
    ['https://', 'the URL must be absolute, such as https://example.com/webhooks'],
    ['http://example.com/', 'the URL must start with https://'],
    ['ftp://example.com/', 'the URL must start with https://'],
    ['javascript:alert(1)', 'the URL must start with https://'],
    ['https://user@example.com/', 'the URL must not contain a user name or password'],
    ['https://:pw@example.com/', 'the URL must not contain a user name or password'],
    ['https://example.com/#top', 'the URL must not contain a fragment (#…)'],
    ['https://example.com/#', 'the URL must not contain a fragment (#…)'],
    ['https://exa\nmple.com/', 'the URL must not contain white space or control characters'],
    [' https://example.com/', 'the URL must not contain white space or control characters'],
    [`https://example.com/${'x'.repeat(2029)}`, 'the URL must not be longer than 2048 characters'],
  ])('%j: %s', (text, message) => {
    expect(checkTargetUrl(text, { allowHttp: false, guard })).toEqual({ code: 'invalid_url', message });
  });

  it('of 2048 characters, or over http where that is allowed, will do', () => {
    expect(checkTargetUrl(`https://example.com/${'x'.repeat(2028)}`, { allowHttp: false, guard })).toBeNull();
    expect(checkTargetUrl('http://example.com/', { allowHttp: true, guard })).toBeNull();
  });
});
