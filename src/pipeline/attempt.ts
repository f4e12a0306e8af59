import type { AttemptRequest, AttemptResult } from '../domain/attempt.ts';
import { judge, type Progress, type Verdict } from '../domain/delivery.ts';
import { type Event, webhookBody } from '../domain/event.ts';
import { publicId } from '../domain/ids.ts';
import type { RetrySchedule } from '../domain/retry-schedule.ts';
import { signatureHeader } from '../domain/signature.ts';
import type { SentSubscription } from './subscription-cache.ts';

export interface AttemptOptions {
  /** Makes the request; never rejects. */
  send(request: AttemptRequest): Promise<AttemptResult>;
  readonly schedule: RetrySchedule;
  readonly defaultTimeoutMs: number;
  readonly userAgent: string;
  readonly now?: () => number;
  /** In [0, 1). */
  readonly random?: () => number;
}

export interface DeliveryToAttempt {
  readonly deliveryId: string;
  readonly subscription: SentSubscription;
  readonly event: Event;
  readonly progress: Progress;
  /** The one attempt that the subscription's breaker lets through after its pause. */
  readonly probe?: boolean;
  /** It was exhausted before somebody asked for it again. */
  readonly recovering?: boolean;
  /** Of the event's record, where it has a trace. The receiver is not told. */
  readonly traceparent?: string | null;
}

export interface Attempted {
  readonly result: AttemptResult;
  readonly verdict: Verdict;
}

/** Signs, sends and judges: the one way an attempt is made, be it the first or a later one. */
export type Attempt = (delivery: DeliveryToAttempt) => Promise<Attempted>;

export function createAttempt(options: AttemptOptions): Attempt {
  const { send, schedule, now = Date.now, random = Math.random } = options;
  return async (delivery) => {
    const startedAt = new Date(now()); // the time that is signed is the time on record
    const request = signedRequest(delivery, startedAt.getTime(), options);
    const sent = delivery.subscription.readable ? await send(request) : notSent(request);
    const result = { ...sent, startedAt };
    return { result, verdict: judge(result, delivery.progress, schedule, random()) };
  };
}

/** An unsigned webhook is worth nothing: the attempt fails, for people to see why, and its retries go on. */
const notSent = ({ url }: AttemptRequest): Omit<AttemptResult, 'startedAt'> => ({
  durationMs: 0,
  outcome: 'connection_failed',
  error: 'not sent: the secrets of this subscription were encrypted with a key that is not in ENCRYPTION_KEYS',
  timing: { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: null, reusedConnection: false },
  request: { url, headers: {} },
  response: null,
});

/** The webhook request (Standard Webhooks 1.0): `webhook-id` is the event's, the same in every attempt. */
function signedRequest(
  { deliveryId, subscription, event, progress }: DeliveryToAttempt,
  nowMs: number,
  { defaultTimeoutMs, userAgent }: AttemptOptions,
): AttemptRequest {
  const body = webhookBody(event);
  const id = publicId('evt', event.id);
  const timestamp = Math.floor(nowMs / 1000);
  const keys = subscription.keys.filter(({ expiresAt }) => !expiresAt || expiresAt.getTime() > nowMs);
  const signatures = signatureHeader(
    keys.map(({ key }) => key),
    id,
    timestamp,
    body,
  );
  const headers = {
    ...subscription.headers,
    'content-type': 'application/json',
    'user-agent': userAgent,
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signatures,
    'postrider-delivery': publicId('dlv', deliveryId),
    'postrider-attempt': String(progress.attemptCount + 1),
  };
  return { url: subscription.url, headers, body, timeoutMs: subscription.timeoutMs ?? defaultTimeoutMs };
}
