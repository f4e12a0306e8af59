import { isIP } from 'node:net';
import ipaddr from 'ipaddr.js';

/** A parsed IPv4 or IPv6 address. */
export type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** An address range in CIDR notation, parsed. */
export type Cidr = readonly [Address, number];

/** What kind of address it is, for people ("a private address"), or null for one that the whole internet can reach. */
export function specialKind(address: Address): string | null {
  if (address.kind() === 'ipv6' && !isGlobalIpv6(address)) return KINDS[address.range()] ?? 'a reserved address';
  const range: string = address.range();
  return range === 'unicast' || range === 'rfc6052' ? null : (KINDS[range] ?? 'a reserved address');
}

/**
 * Only 2000::/3 is given out as global unicast (https://www.iana.org/assignments/ipv6-unicast-address-assignments), and
 * 64:ff9b::/96 leads to IPv4 (RFC 6052); the local-use 64:ff9b:1::/48 (RFC 8215) is not global.
 */
const isGlobalIpv6 = (address: Address): boolean => inCidr(address, GLOBAL_UNICAST) || inCidr(address, NAT64);

const KINDS: Readonly<Record<string, string>> = {
  unspecified: 'an unspecified address',
  broadcast: 'a broadcast address',
  multicast: 'a multicast address',
  linkLocal: 'a link-local address',
  loopback: 'a loopback address',
  carrierGradeNat: 'a carrier-grade NAT address',
  private: 'a private address',
  uniqueLocal: 'a private address',
  deprecatedSiteLocal: 'a private address',
  '6to4': 'a 6to4 address',
  teredo: 'a Teredo address',
};

const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
const GLOBAL_UNICAST = ipaddr.parseCIDR('2000::/3');

/** Reads an address strictly: no octal, hexadecimal or short forms (`new URL` has normalised those). An IPv4-mapped IPv6 is read as the IPv4. */
export const parseAddress = (text: string): Address | null =>
  isIP(text) === 0 ? null : ipaddr.process(spelledOut(text));

/** ipaddr.js reads `::10.0.0.1` as `::ffff:10.0.0.1`, which is another address; with a leading 0 it does not. */
const spelledOut = (text: string): string => (text.startsWith('::') && text.includes('.') ? `0${text}` : text);

/** Reads `10.0.0.0/8` or `fd00::/8`; a bare address is a range of one. Throws on anything else. */
export function parseCidr(text: string): Cidr {
  const cidr = text.trim();
  if (isIP(cidr) !== 0) return ipaddr.parseCIDR(`${cidr}/${isIP(cidr) === 4 ? 32 : 128}`);
  if (isIP(cidr.split('/')[0] ?? '') === 0 || !ipaddr.isValidCIDR(cidr)) throw new Error(`not a CIDR range: ${text}`);
  return ipaddr.parseCIDR(cidr);
}

export const inCidr = (address: Address, [base, bits]: Cidr): boolean =>
  address.kind() === base.kind() && address.match(base, bits);

/** Where IPv6 addresses carry an IPv4 one: the prefix, and how to read it. */
const CARRIERS: readonly (readonly [Cidr, (parts: readonly number[]) => ipaddr.IPv4])[] = [
  [ipaddr.parseCIDR('::/96'), (p) => ipv4(p[6], p[7])], // IPv4-compatible, RFC 4291
  [ipaddr.parseCIDR('::ffff:0:0:0/96'), (p) => ipv4(p[6], p[7])], // IPv4-translated, RFC 2765
  [NAT64, (p) => ipv4(p[6], p[7])],
  [ipaddr.parseCIDR('64:ff9b:1::/48'), localNat64],
  [ipaddr.parseCIDR('2002::/16'), (p) => ipv4(p[1], p[2])], // 6to4, RFC 3056
  [ipaddr.parseCIDR('2001::/32'), (p) => ipv4(~(p[6] ?? 0) & 0xffff, ~(p[7] ?? 0) & 0xffff)], // Teredo, RFC 4380: inverted
];

/** The IPv4 address inside an IPv6 one, or null. `::` and `::1` are addresses of their own. */
export function embeddedIpv4(address: Address): ipaddr.IPv4 | null {
  if (address.kind() === 'ipv4' || address.range() === 'unspecified' || address.range() === 'loopback') return null;
  const { parts } = address as ipaddr.IPv6;
  return CARRIERS.find(([prefix]) => inCidr(address, prefix))?.[1](parts) ?? null;
}

/** RFC 6052 §2.2: with a /48 prefix the IPv4 lies around bits 64–71 and the last 40 bits are zero; else read as /96. */
function localNat64(parts: readonly number[]): ipaddr.IPv4 {
  if (parts[6] || parts[7]) return ipv4(parts[6], parts[7]);
  return ipv4(parts[3], (((parts[4] ?? 0) & 0xff) << 8) | ((parts[5] ?? 0) >> 8));
}

const ipv4 = (high = 0, low = 0): ipaddr.IPv4 => new ipaddr.IPv4([high >> 8, high & 0xff, low >> 8, low & 0xff]);
