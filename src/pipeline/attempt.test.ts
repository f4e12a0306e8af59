import { expect, it } from 'vitest';
import type { AttemptRequest } from '../domain/attempt.ts';
import { NOT_ATTEMPTED } from '../domain/delivery.ts';
import { newId } from '../domain/ids.ts';
import { signingKey } from '../domain/signature.ts';
import { createAttempt } from './attempt.ts';
import type { SentSubscription } from './subscription-cache.ts';

const START = Date.parse('2026-11-25T12:00:00Z');
const OVERLAP_MS = 10_000;

const key = (byte: number) => signingKey('hmac-sha256', Buffer.alloc(32, byte));

/** As the cache keeps it: loaded once, at the start. */
const subscription: SentSubscription = {
  ...{ id: newId(), partnerId: 'acme', url: 'https://example.com/', eventTypes: ['*'], headers: {} },
  ...{ enabled: true, ordered: false, readable: true, filter: null, rateLimit: null, timeoutMs: null },
  keys: [
    { key: key(1), expiresAt: null },
    { key: key(2), expiresAt: new Date(START + OVERLAP_MS) },
  ],
};

it('a secret that is rotated out signs until its time, and not from then on, without being read anew', async () => {
  let clock = START;
  const sent: AttemptRequest[] = [];
  const attempt = createAttempt({
    send: async (request) => {
      sent.push(request);
      const timing = { dnsMs: null, connectMs: null, tlsMs: null, firstByteMs: 1, reusedConnection: false };
      const response = { statusCode: 200, headers: {}, body: '', bodyTruncated: false };
      return {
        startedAt: new Date(clock),
        durationMs: 1,
        outcome: 'succeeded',
        error: null,
        timing,
        request,
        response,
      };
    },
    schedule: { delaysMs: [], jitter: 0 },
    defaultTimeoutMs: 15_000,
    userAgent: 'test',
    now: () => clock,
  });
  const event = {
    id: newId(),
    partnerId: 'acme',
    type: 'order.created',
    timestamp: '2026-11-25T12:00:00Z',
    data: '{}',
  };
  const signatures = async (at: number) => {
    clock = at;
    await attempt({ deliveryId: newId(), subscription, event, progress: NOT_ATTEMPTED });
    return sent.at(-1)?.headers['webhook-signature']?.split(' ').length;
  };
  expect(await signatures(START)).toBe(2);
  expect(await signatures(START + OVERLAP_MS - 1)).toBe(2);
  expect(await signatures(START + OVERLAP_MS)).toBe(1);
});
