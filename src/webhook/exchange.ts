import { STATUS_CODES } from 'node:http';
import type { Dispatcher } from 'undici';
import type { AttemptRequest, AttemptResult, Outcome, Timing } from '../domain/attempt.ts';
import type { Connection, Connections } from './connections.ts';
import type { Phases } from './connector.ts';
import { codeOf, exchangeFailure, inWords, SendFailure } from './failure.ts';
import { ResponseReader } from './response.ts';
import { msSince } from './since.ts';

const NO_PHASES: Phases = { dnsMs: null, connectMs: null, tlsMs: null };

/**
 * One request and its answer, as undici's handler. Once a status is here it decides the outcome, whatever becomes of the rest:
 * a 2xx whose body never ends has been accepted, and sending it again would be a duplicate.
 */
export class Exchange implements Dispatcher.DispatchHandler {
  readonly #request: AttemptRequest;
  readonly #options: Dispatcher.DispatchOptions;
  readonly #connections: Connections;
  readonly #onEnd: (exchange: Exchange, result: AttemptResult) => void;
  readonly #startedAt = new Date();
  readonly #start = performance.now();
  readonly #timer: NodeJS.Timeout;
  #connection: Connection;
  #phases: Phases | null = null;
  #begun = false;
  #reused = false;
  #firstByteMs: number | null = null;
  #reader: ResponseReader | null = null;
  #ended = false;
  #aborted = false;

  /** Begins at once. `onEnd` is called exactly once, later or at once. */
  constructor(
    request: AttemptRequest,
    url: URL,
    connections: Connections,
    onEnd: (exchange: Exchange, result: AttemptResult) => void,
  ) {
    this.#request = request;
    this.#connections = connections;
    this.#onEnd = onEnd;
    const { headers, body } = request;
    // blocking only matters to pipelining, which is off
    this.#options = { method: 'POST', path: url.pathname + url.search, headers, body, blocking: false };
    this.#timer = setTimeout(onTimeout, request.timeoutMs, this);
    this.#connection = connections.acquire(url.origin);
  }

  dispatch(): void {
    this.#connection.client.dispatch(this.#options, this);
  }

  /** The request goes out now, on the connection as it is now. */
  onRequestStart(): void {
    this.#begun = true;
    this.#reused = this.#connection.requests++ > 0;
    if (!this.#reused) this.#phases = this.#connection.phases;
  }

  onResponseStart(
    _controller: unknown,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200 || this.#ended) return; // 1xx: an answer is still to come
    this.#firstByteMs = msSince(this.#start);
    this.#reader = new ResponseReader(statusCode, headers);
  }

  onResponseData(_controller: unknown, chunk: Buffer): void {
    if (this.#ended || !this.#reader || this.#reader.add(chunk)) return;
    this.#cut(new SendFailure('connection_failed', 'the answer is too long'));
  }

  onResponseEnd(): void {
    if (this.#ended) return;
    this.#connections.release(this.#connection);
    this.#end(null, true);
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.#ended) return;
    if (this.#isStale(error)) {
      this.#useNewConnection(error);
    } else if (isRefusal(error)) {
      this.#connections.release(this.#connection);
      this.#end(exchangeFailure(error), false);
    } else {
      this.#cut(exchangeFailure(error));
    }
  }

  /** Ends it now, for reasons of our own. Without a status yet, the outcome is a timeout, with `sentence` as its error. */
  abort(sentence: string): void {
    this.#aborted = true;
    this.#endWith(sentence);
  }

  timeOut(): void {
    const time = inWords(this.#request.timeoutMs);
    this.#endWith(
      this.#begun ? `the receiver did not answer within ${time}` : `no connection to the receiver within ${time}`,
    );
  }

  #endWith(sentence: string): void {
    if (!this.#ended) this.#cut(new SendFailure('timeout', sentence));
  }

  #cut(failure: SendFailure): void {
    if (!this.#begun && this.#connection.requests === 0) this.#phases = this.#connection.phases;
    this.#end(failure, false);
    this.#connections.discard(this.#connection, failure);
  }

  /** A kept-alive connection that closed before anything was written to it: nothing was sent, so a new one may be used. */
  #isStale(error: Error): boolean {
    return !this.#begun && this.#connection.requests > 0 && !isRefusal(error);
  }

  #useNewConnection(error: Error): void {
    const { origin } = this.#connection;
    this.#connections.discard(this.#connection, error);
    this.#connection = this.#connections.acquire(origin);
    this.dispatch();
  }

  #end(failure: SendFailure | null, complete: boolean): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    const { url, headers } = this.#request;
    const response = this.#reader?.response(complete) ?? null;
    const verdict = response ? verdictOf(response.statusCode) : failed(failure);
    const durationMs = msSince(this.#start);
    const [startedAt, timing] = [this.#startedAt, this.#timing()];
    const result = { startedAt, durationMs, ...verdict, timing, request: { url, headers }, response };
    this.#onEnd(this, this.#aborted && !response ? { ...result, cutShort: this.#begun ? 'sent' : 'unsent' } : result);
  }

  #timing(): Timing {
    const { dnsMs, connectMs, tlsMs } = this.#phases ?? NO_PHASES;
    return { dnsMs, connectMs, tlsMs, firstByteMs: this.#firstByteMs, reusedConnection: this.#reused };
  }
}

/** undici would not take the request, because of a header: the connection is as good as before. */
const isRefusal = (error: Error): boolean => /^UND_ERR_(INVALID_ARG|NOT_SUPPORTED)$/.test(codeOf(error));

const onTimeout = (exchange: Exchange): void => exchange.timeOut();

interface Verdict {
  readonly outcome: Outcome;
  readonly error: string | null;
}

const SUCCEEDED: Verdict = { outcome: 'succeeded', error: null };

function verdictOf(statusCode: number): Verdict {
  if (statusCode >= 200 && statusCode < 300) return SUCCEEDED;
  const name = STATUS_CODES[statusCode];
  const answered = `the receiver answered ${statusCode}${name ? ` (${name})` : ''}`;
  const redirect = statusCode >= 300 && statusCode < 400 && statusCode !== 304;
  return { outcome: 'http_error', error: redirect ? `${answered}; redirects are not followed` : answered };
}

const failed = (failure: SendFailure | null): Verdict =>
  failure
    ? { outcome: failure.outcome, error: failure.message }
    : { outcome: 'connection_failed', error: 'the receiver closed the connection without answering' };
