/** Who asked for the attempt. */
export type Trigger = 'automatic' | 'manual' | 'recovery' | 'test';

/** How an attempt ended. Only a 2xx answer is `succeeded`; redirects are not followed and count as `http_error`. */
export type Outcome =
  | 'succeeded'
  | 'http_error'
  | 'timeout'
  | 'connection_failed'
  | 'dns_failed'
  | 'tls_failed'
  | 'blocked_address';

/** Where an attempt's time went, in milliseconds; null for a phase that did not happen (a kept-alive connection has no DNS, connect or TLS). */
export interface Timing {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
  readonly firstByteMs: number | null;
  readonly reusedConnection: boolean;
}

export interface AttemptResponse {
  readonly statusCode: number;
  /** Names in lower case; repeated headers joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  /** The first 16 KiB, as UTF-8. */
  readonly body: string;
  readonly bodyTruncated: boolean;
}

/** One HTTP request and what came of it. */
export interface AttemptResult {
  readonly startedAt: Date;
  readonly durationMs: number;
  readonly outcome: Outcome;
  /** A sentence for people; null when it succeeded. */
  readonly error: string | null;
  readonly timing: Timing;
  readonly request: { readonly url: string; readonly headers: Readonly<Record<string, string>> };
  readonly response: AttemptResponse | null;
  /** Our own stop ended it, which says nothing about the receiver. `unsent`: no request went out, so it was no attempt. */
  readonly cutShort?: 'sent' | 'unsent';
}

/** What the sender is asked to send: everything is final but the connection. */
export interface AttemptRequest {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For the whole exchange, from DNS to the last byte. */
  readonly timeoutMs: number;
}

/** The answer says that the receiver is gone for good (HTTP 410). */
export const isGone = (result: AttemptResult): boolean => result.response?.statusCode === 410;
