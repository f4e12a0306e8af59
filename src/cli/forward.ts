import { setTimeout as delay } from 'node:timers/promises';
import { webhookBody } from '../domain/event.ts';
import { type SigningKey, signatureHeader } from '../domain/signature.ts';
import { version } from '../version.ts';
import { reasonOf } from './client.ts';
import type { PolledEvent } from './poll.ts';

/** One request to the receiver, and what came of it. */
export interface Forwarded {
  readonly event: PolledEvent;
  /** Null: no answer. */
  readonly statusCode: number | null;
  readonly error: string | null;
  readonly durationMs: number;
}

interface ForwardOptions {
  readonly url: string;
  readonly key: SigningKey;
  readonly onResult: (result: Forwarded) => void;
  readonly signal: AbortSignal;
}

/** As a delivery's by default. */
const TIMEOUT_MS = 15_000;
const LONGEST_PAUSE_MS = 10_000;

/**
 * POSTs events as webhooks (Standard Webhooks 1.0). While nobody answers, the same event is sent again; an answer, whichever it
 * is, settles it: a developer wants to see the next event, not the schedule of retries.
 */
export function createForward({ url, key, onResult, signal }: ForwardOptions): (event: PolledEvent) => Promise<void> {
  return async (event) => {
    for (let attempt = 1; !signal.aborted; attempt++) {
      const result = await post(event, attempt);
      if (signal.aborted) return;
      onResult({ event, ...result });
      if (result.statusCode !== null) return;
      await delay(Math.min(1_000 * attempt, LONGEST_PAUSE_MS), undefined, { signal }).catch(() => undefined);
    }
  };

  async function post(event: PolledEvent, attempt: number): Promise<Omit<Forwarded, 'event'>> {
    const started = performance.now();
    const body = webhookBody({ ...event, partnerId: '' });
    const timestamp = Math.floor(Date.now() / 1_000);
    const headers = {
      'content-type': 'application/json',
      'user-agent': `Postrider/${version}`,
      'webhook-id': event.id,
      'webhook-timestamp': String(timestamp),
      'webhook-signature': signatureHeader([key], event.id, timestamp, body),
      'postrider-attempt': String(attempt),
    };
    const timeout = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
    try {
      const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal: timeout });
      await response.arrayBuffer();
      return { statusCode: response.status, error: null, durationMs: performance.now() - started };
    } catch (error) {
      return { statusCode: null, error: reasonOf(error), durationMs: performance.now() - started };
    }
  }
}
