import type { Outcome } from '../domain/attempt.ts';

/** The outcomes of an attempt that got no answer. */
export type FailedOutcome = Exclude<Outcome, 'succeeded' | 'http_error'>;

/** Why an attempt got no answer: its outcome, and as `message` a sentence for people. */
export class SendFailure extends Error {
  readonly outcome: FailedOutcome;

  constructor(outcome: FailedOutcome, sentence: string) {
    super(sentence);
    this.name = 'SendFailure';
    this.outcome = outcome;
  }
}

/** The `code` of a Node or undici error, else ''. */
export function codeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : '';
}

/** 15000 → "15 s", 250 → "250 ms". */
export const inWords = (ms: number): string => (ms < 1000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`);

/** What a failed TCP connection says. `fallback` names the target where the error does not. */
export function tcpFailure(error: unknown, fallback: string): SendFailure {
  const cause = error instanceof AggregateError ? (error.errors.at(-1) as unknown) : error;
  const code = codeOf(cause) || codeOf(error);
  const where = placeOf(cause) ?? fallback;
  if (code === 'ETIMEDOUT') return new SendFailure('timeout', `no connection to ${where}: it did not answer`);
  return new SendFailure(
    'connection_failed',
    TCP[code]?.(where) ?? `no connection to ${where} (${code || text(error)})`,
  );
}

const TCP: Readonly<Record<string, (where: string) => string>> = {
  ECONNREFUSED: (where) => `connection refused by ${where}`,
  ECONNRESET: (where) => `connection reset by ${where}`,
  EHOSTUNREACH: (where) => `${where} cannot be reached (no route to the host)`,
  ENETUNREACH: (where) => `${where} cannot be reached (no route to its network)`,
};

/** What a failed TLS handshake says. */
export function tlsFailure(error: unknown, hostname: string): SendFailure {
  return new SendFailure(
    'tls_failed',
    TLS[codeOf(error)]?.(hostname) ?? `the TLS handshake failed (${tlsText(error)})`,
  );
}

/** Codes of https://nodejs.org/api/tls.html#x509-certificate-error-codes and of OpenSSL. */
const TLS: Readonly<Record<string, (hostname: string) => string>> = {
  CERT_HAS_EXPIRED: () => 'the certificate has expired',
  CERT_NOT_YET_VALID: () => 'the certificate is not valid yet',
  CERT_REVOKED: () => 'the certificate is revoked',
  DEPTH_ZERO_SELF_SIGNED_CERT: () => 'the certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: () => 'the certificate chain ends in a root that is not trusted',
  UNABLE_TO_GET_ISSUER_CERT: () => 'the issuer of the certificate is not trusted, or an intermediate is missing',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () =>
    'the issuer of the certificate is not trusted, or an intermediate is missing',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => 'the issuer of the certificate is not trusted, or an intermediate is missing',
  ERR_TLS_CERT_ALTNAME_INVALID: (hostname) => `the certificate is not for ${hostname}`,
  ECONNRESET: () => 'the receiver closed the connection during the TLS handshake',
  ERR_SSL_WRONG_VERSION_NUMBER: () => 'the receiver does not speak TLS on this port',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: () => 'the receiver does not speak TLS on this port',
};

/** What an error on an open connection says, before any answer. */
export function exchangeFailure(error: unknown): SendFailure {
  if (error instanceof SendFailure) return error;
  const code = codeOf(error);
  if (code.startsWith('ERR_SSL')) return tlsFailure(error, '');
  return new SendFailure('connection_failed', exchangeSentence(code, text(error)));
}

function exchangeSentence(code: string, message: string): string {
  const [, notHttp] = /^Response does not match the HTTP\/1\.1 protocol \((.*)\)$/.exec(message) ?? [];
  if (notHttp || code.startsWith('HPE_')) return `the receiver's answer is not valid HTTP/1.1 (${notHttp ?? code})`;
  if (code === 'ECONNRESET' || code === 'EPIPE') return 'the receiver reset the connection before answering';
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return "the headers of the receiver's answer are too long";
  if (code === 'UND_ERR_INVALID_ARG' || code === 'UND_ERR_NOT_SUPPORTED')
    return `the request cannot be sent (${message})`;
  if (message === 'other side closed' || message === 'closed')
    return 'the receiver closed the connection without answering';
  if (message === 'bad upgrade') return 'the receiver switched to another protocol';
  if (message === 'bad response') return 'the receiver sent an answer nobody had asked for (such as 100 Continue)';
  return `the connection failed (${message})`;
}

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** OpenSSL's own words are at the end: "…:ssl/record/rec_layer_s3.c:1605:SSL alert number 40". */
function tlsText(error: unknown): string {
  const reason = typeof error === 'object' && error !== null && 'reason' in error ? error.reason : undefined;
  return typeof reason === 'string' ? reason : codeOf(error) || text(error);
}

function placeOf(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('address' in error) || !('port' in error)) return null;
  return hostAndPort(String(error.address), String(error.port));
}

/** `203.0.113.7:443`, `[2001:db8::1]:443`. */
export const hostAndPort = (host: string, port: string | number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
