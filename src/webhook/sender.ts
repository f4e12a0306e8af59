import type { AttemptRequest, AttemptResult } from '../domain/attempt.ts';
import { createConnections } from './connections.ts';
import { createConnector } from './connector.ts';
import type { EgressGuard } from './egress-guard.ts';
import { Exchange } from './exchange.ts';
import { createResolver, type Resolve } from './resolver.ts';
import type { TlsOptions } from './tls.ts';

export interface SenderOptions {
  /** Judges every address before a connection is made to it. */
  readonly guard: EgressGuard;
  /** Default: {@link createResolver}. */
  readonly resolver?: Resolve;
  /** Value of `user-agent` where the request brings none. */
  readonly userAgent?: string;
  /** For DNS, TCP and TLS together, in milliseconds. Default 5000. */
  readonly connectTimeoutMs?: number;
  readonly tls?: TlsOptions;
}

/** Sends webhook requests over HTTP/1.1, on connections that are kept alive. Redirects are not followed. */
export interface Sender {
  /** POSTs once. Never rejects: whatever happens is in the result. */
  send(request: AttemptRequest): Promise<AttemptResult>;
  /**
   * Ends every attempt in flight now, and any that is asked for later. Those that have no status yet end as `timeout` with `reason`
   * as their error, and say as `cutShort` whether a request had gone out.
   */
  abortAll(reason: string): void;
  /** Takes no more requests, waits for those in flight, then closes the connections. May be called twice. */
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5000;

export function createSender({ guard, userAgent, tls, ...options }: SenderOptions): Sender {
  const { resolver: resolve = createResolver(), connectTimeoutMs: timeoutMs = CONNECT_TIMEOUT_MS } = options;
  const connections = createConnections(createConnector({ guard, resolve, timeoutMs, ...(tls && { tls }) }));
  const inFlight = new Set<Exchange>();
  let closing: Promise<void> | null = null;
  let onIdle: (() => void) | null = null;
  let aborted: string | null = null;

  const begin = (request: AttemptRequest, url: URL): Promise<AttemptResult> =>
    new Promise((resolve) => {
      const exchange = new Exchange(request, url, connections, (ended, result) => {
        inFlight.delete(ended);
        resolve(result);
        if (inFlight.size === 0) onIdle?.();
      });
      inFlight.add(exchange);
      exchange.dispatch();
    });
  const shutDown = async (): Promise<void> => {
    if (inFlight.size > 0) await new Promise<void>((resolve) => (onIdle = resolve));
    await connections.destroy();
  };
  return {
    async send(given) {
      const request = userAgent === undefined ? given : withUserAgent(given, userAgent);
      const url = URL.parse(request.url);
      if (aborted ?? closing) return { ...notSent(request, aborted ?? 'the sender is closed'), cutShort: 'unsent' };
      if (url?.protocol !== 'https:' && url?.protocol !== 'http:')
        return notSent(request, 'the URL is not an http(s) URL');
      return begin(request, url);
    },
    abortAll(reason) {
      aborted = reason;
      for (const exchange of [...inFlight]) exchange.abort(reason);
    },
    close() {
      closing ??= shutDown();
      return closing;
    },
  };
}

function withUserAgent(request: AttemptRequest, userAgent: string): AttemptRequest {
  for (const name in request.headers) if (name.length === 10 && name.toLowerCase() === 'user-agent') return request;
  return { ...request, headers: { 'user-agent': userAgent, ...request.headers } };
}

const notSent = ({ url, headers }: AttemptRequest, error: string): AttemptResult => ({
  startedAt: new Date(),
  durationMs: 0,
  outcome: 'connection_failed',
  error,
  timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, reusedConnection: false },
  request: { url, headers },
  response: null,
});
