import type { IncomingHttpHeaders } from 'node:http';
import type { Agent } from 'undici';
import type { TransportError } from '../transport.ts';
import type { Account, Destination } from './aws-account.ts';
import { isUntrusted, toTransportError } from './aws-errors.ts';
import { type Answer, post } from './http.ts';
import { type Credentials, createSigner, type Signable, type Signer } from './sigv4.ts';

/** One call, on its way over these connections. */
export interface Call extends Signable {
  connections: Agent;
  timeoutMs: number;
  signal?: AbortSignal | undefined;
}

/** Makes signed calls; answers what `read` makes of the text of the answer, or rejects with TransportError. */
export type SignedCalls = <T>(call: Call, read: (text: string) => T) => Promise<T>;

/** Clocks that differ by less are trusted: AWS allows 5 min. In milliseconds. */
const TOLERATED_SKEW_MS = 240_000;

/**
 * Signs and sends. A call whose signature is not trusted is sent once more, with renewed credentials and by the service's
 * clock.
 */
export function createSignedCalls(account: Account, toError: (answer: Answer) => TransportError): SignedCalls {
  let signer: { sign: Signer; destination: Destination } | undefined;
  /** How far the service's clock is ahead, where that matters. */
  let skewMs = 0;

  async function getSigner(): Promise<{ sign: Signer; destination: Destination }> {
    const destination = await account.destination();
    signer ??= { sign: createSigner(destination), destination };
    return signer;
  }

  async function attempt(call: Call): Promise<string> {
    const { sign, destination } = signer ?? (await getSigner());
    const used = await account.credentials();
    const answer = await post(call.connections, {
      origin: destination.origin,
      path: destination.path,
      headers: sign(call, used, Date.now() + skewMs),
      body: call.body,
      timeoutMs: call.timeoutMs,
      signal: call.signal,
    });
    if (answer.status === 200) return answer.text;
    const error = toError(answer);
    if (isUntrusted(error)) await regainTrust(used, answer.headers);
    throw error;
  }

  async function regainTrust(used: Credentials, headers: IncomingHttpHeaders): Promise<void> {
    const aheadMs = Date.parse(headers.date ?? '') - Date.now();
    skewMs = Math.abs(aheadMs) > TOLERATED_SKEW_MS ? aheadMs : 0;
    // Unless another call was faster.
    if ((await account.credentials()) === used) await account.credentials(true);
  }

  return async (call, read) => {
    try {
      const text = await attempt(call).catch((error: unknown) => {
        if (isUntrusted(error)) return attempt(call);
        throw error;
      });
      return read(text);
    } catch (error) {
      throw toTransportError(error);
    }
  };
}
