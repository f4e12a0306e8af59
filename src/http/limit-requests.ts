import type { FastifyReply } from 'fastify';
import type { RateLimit } from '../domain/rate-limit.ts';
import type { Principal } from './authentication.ts';
import { HttpProblem } from './problem.ts';

/**
 * Limits the requests of each API key in this process, and tells clients where they stand
 * (draft-ietf-httpapi-ratelimit-headers-10: `RateLimit-Policy: "key";q=1000;w=1`, `RateLimit: "key";r=998;t=1`). The key of the
 * settings is exempt: it is the operator's own way in.
 *
 * @param rateLimit null: none
 */
export function limitRequests(rateLimit: RateLimit | null) {
  if (!rateLimit) return () => null;
  const { perSecond } = rateLimit;
  const policy = `"key";q=${perSecond};w=1`;
  return ({ id }: Principal, reply: FastifyReply): HttpProblem | null => {
    if (id === null) return null;
    const { allowed, remaining, resetSeconds, retryAfterSeconds } = rateLimit.take(id);
    reply.header('ratelimit-policy', policy);
    reply.header('ratelimit', `"key";r=${remaining};t=${resetSeconds}`);
    if (allowed) return null;
    const detail = `this API key may make ${perSecond} requests a second: slow down, or publish in batches`;
    return new HttpProblem(429, 'rate_limited', detail, { headers: { 'retry-after': String(retryAfterSeconds) } });
  };
}
