import { REDACTED } from '../domain/own-header.ts';
import { type FieldError, validationFailed } from './problem.ts';

type Headers = Readonly<Record<string, string>>;

/** RFC 9110 §5.6.2: token. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/;

/** Visible ASCII, spaces and tabs: no line break gets in, and every client and server reads the rest alike. */
const VALUE = /^[\x20-\x7e\t]*$/;

/** Hop-by-hop (RFC 9110 §7.6.1), framing, and what Postrider sets itself. */
const RESERVED = new Set([
  'connection',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

const isReserved = (name: string): boolean => RESERVED.has(name) || /^(webhook|postrider)-/.test(name);

/** Names and values together: common receivers take 8 KiB of headers (nginx) to 16 KiB (Node), ours of up to 1 KiB included. */
const MAX_BYTES = 7 * 1024;

/**
 * A subscription's own headers, with names in lower case. Throws what is wrong with them.
 *
 * @param stored those before the change: where the redaction mark is sent back, the stored value stays
 */
export function checkHeaders(given: Headers, stored: Headers): Record<string, string> {
  const entries = Object.entries(given).map(([name, value]) => [name.toLowerCase(), value] as const);
  const kept = entries.map(([name, value]) => [name, keptValue(name, value, stored)] as const);
  const errors = kept.flatMap(([name, value], at) => faultOf(name, value, kept.slice(0, at)));
  if (errors.length > 0) throw validationFailed(errors);
  if (kept.reduce((bytes, [name, value]) => bytes + name.length + value.length, 0) > MAX_BYTES) {
    throw validationFailed([{ path: '/headers', message: `must not be larger than ${MAX_BYTES / 1024} KiB in all` }]);
  }
  return Object.fromEntries(kept);
}

const keptValue = (name: string, value: string, stored: Headers): string =>
  value === REDACTED && Object.hasOwn(stored, name) ? (stored[name] as string) : value;

function faultOf(name: string, value: string, before: readonly (readonly [string, string])[]): FieldError[] {
  const path = `/headers/${name}`;
  if (!NAME.test(name)) return [{ path, message: 'is not the name of a header' }];
  if (isReserved(name)) return [{ path, message: 'is set by HTTP or by Postrider itself' }];
  if (before.some(([other]) => other === name)) return [{ path, message: 'is given twice' }];
  if (value === REDACTED) return [{ path, message: 'has no stored value to keep: give its value' }];
  if (!VALUE.test(value)) return [{ path, message: 'must be printable ASCII on one line' }];
  return [];
}
