import { type Address, type Cidr, embeddedIpv4, inCidr, parseAddress, parseCidr, specialKind } from './address.ts';

/** May an address be reached? `kind` is what is wrong with it ("a private address"), `reason` the whole sentence. */
export type Verdict =
  | { readonly allowed: true }
  | { readonly allowed: false; readonly kind: string; readonly reason: string };

/** Decides which addresses webhooks may go to, so that no partner reaches into the network we run in. */
export interface EgressGuard {
  /** Judges an IP address. Text that is none is not allowed. */
  check(address: string): Verdict;
  /** Judges a URL whose host is a literal address; names pass, and their addresses are judged at every connection. */
  checkUrl(url: URL): Verdict;
}

const ALLOWED: Verdict = { allowed: true };

/**
 * Lets through globally routable unicast, and what lies in `allowedCidrs` (setting ALLOWED_TARGET_CIDRS). An IPv6 address
 * that carries an IPv4 one (NAT64, 6to4, Teredo, …) must pass for both.
 *
 * @throws when an entry of `allowedCidrs` is not a CIDR range or an address
 */
export function createEgressGuard({ allowedCidrs }: { readonly allowedCidrs: readonly string[] }): EgressGuard {
  const allowed = allowedCidrs.map(parseCidr);
  const check = (text: string): Verdict => {
    const address = parseAddress(text);
    if (!address) return { allowed: false, kind: 'not an IP address', reason: `${text} is not an IP address` };
    const inner = embeddedIpv4(address);
    const innerKind = inner && blockedKind(inner, allowed);
    if (innerKind) return { allowed: false, kind: innerKind, reason: `${text} carries ${inner}, ${innerKind}` };
    const kind = blockedKind(address, allowed);
    return kind ? { allowed: false, kind, reason: `${text} is ${kind}` } : ALLOWED;
  };
  const checkUrl = ({ hostname }: URL): Verdict => {
    const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
    return parseAddress(host) ? check(host) : ALLOWED;
  };
  return { check, checkUrl };
}

const blockedKind = (address: Address, allowed: readonly Cidr[]): string | null =>
  allowed.some((cidr) => inCidr(address, cidr)) ? null : specialKind(address);

/** Why a URL cannot be a subscription's: a code for programs and a sentence for people. */
export interface TargetUrlError {
  readonly code: 'invalid_url' | 'blocked_address';
  readonly message: string;
}

/** Longest URL taken, in characters: what proxies and servers commonly bear. */
const MAX_URL_LENGTH = 2048;

/** Judges a URL before it becomes a subscription's. Null when it will do. */
export function checkTargetUrl(
  text: string,
  { allowHttp, guard }: { readonly allowHttp: boolean; readonly guard: EgressGuard },
): TargetUrlError | null {
  const url = URL.parse(text);
  const fault = url ? faultOf(text, url, allowHttp) : `the URL must be absolute, such as ${EXAMPLE}`;
  if (!url || fault) return { code: 'invalid_url', message: fault ?? '' };
  const verdict = guard.checkUrl(url);
  return verdict.allowed ? null : { code: 'blocked_address', message: verdict.reason };
}

const EXAMPLE = 'https://example.com/webhooks';

function faultOf(text: string, url: URL, allowHttp: boolean): string | null {
  if (text.length > MAX_URL_LENGTH) return `the URL must not be longer than ${MAX_URL_LENGTH} characters`;
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'the URL must start with https://';
  if (url.protocol === 'http:' && !allowHttp) return 'the URL must start with https://';
  if (url.username || url.password) return 'the URL must not contain a user name or password';
  if (text.includes('#')) return 'the URL must not contain a fragment (#…)';
  if (HIDDEN.test(text)) return 'the URL must not contain white space or control characters';
  return null;
}

/** `new URL` drops tabs and line breaks silently: what is stored would differ from what is called. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
const HIDDEN = /[\s\u0000-\u001f\u007f]/;
