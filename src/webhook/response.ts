import type { AttemptResponse } from '../domain/attempt.ts';

/** How much of an answer is kept: of its body, and of its headers in total. */
export const KEPT_BYTES = 16_384;

/** After this much body the connection is given up: reading on would cost more than a new one. */
const GIVE_UP_BYTES = 262_144;

/** They speak of the connection, not of the answer (RFC 9110 §7.6.1). */
const HOP_BY_HOP = new Set([
  ...['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection'],
  ...['te', 'trailer', 'transfer-encoding', 'upgrade'],
]);

/** undici's headers (lower case, repeated ones as an array) → what is kept of them: whole headers, up to {@link KEPT_BYTES}. */
export function keptHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  let room = KEPT_BYTES;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined || HOP_BY_HOP.has(name)) continue;
    const joined = typeof value === 'string' ? value : value.join(', ');
    if (name.length + joined.length > room) continue;
    room -= name.length + joined.length;
    kept[name] = joined;
  }
  return kept;
}

/** Gathers an answer while it comes in. */
export class ResponseReader {
  readonly statusCode: number;
  readonly #headers: Readonly<Record<string, string>>;
  readonly #chunks: Buffer[] = [];
  #received = 0;

  constructor(statusCode: number, headers: Readonly<Record<string, string | string[] | undefined>>) {
    this.statusCode = statusCode;
    this.#headers = keptHeaders(headers);
  }

  /** Takes a piece of the body. False when there is so much that the rest is not worth reading. */
  add(chunk: Buffer): boolean {
    if (this.#received < KEPT_BYTES) this.#chunks.push(chunk);
    this.#received += chunk.length;
    return this.#received <= GIVE_UP_BYTES;
  }

  /** @param complete whether the body came to its end */
  response(complete: boolean): AttemptResponse {
    const bodyTruncated = !complete || this.#received > KEPT_BYTES;
    const [first, ...more] = this.#chunks;
    const bytes = more.length > 0 ? Buffer.concat(this.#chunks) : first;
    const body = bytes === undefined ? '' : bodyText(bytes, bodyTruncated);
    return { statusCode: this.statusCode, headers: this.#headers, body, bodyTruncated };
  }
}

/** At most {@link KEPT_BYTES} as text. Bytes that are no UTF-8 become U+FFFD, and so does NUL, which Postgres text cannot hold. */
export function bodyText(bytes: Buffer, truncated: boolean): string {
  const end = truncated ? wholeCharacters(bytes, Math.min(bytes.length, KEPT_BYTES)) : bytes.length;
  const text = bytes.toString('utf8', 0, end);
  return text.includes('\0') ? text.replaceAll('\0', '\ufffd') : text;
}

/** The longest length up to `end` that does not cut a UTF-8 character in two. */
function wholeCharacters(bytes: Buffer, end: number): number {
  let start = end - 1;
  while (start > end - 4 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start--;
  const lead = bytes[start] ?? 0;
  const length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
  return start + length > end ? Math.max(start, 0) : end;
}
