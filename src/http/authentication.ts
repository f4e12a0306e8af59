import { createRemembered } from '../domain/remembered.ts';
import { type FindApiKey, hashApiKey, type KeyGrant } from '../store/api-keys.ts';
import { HttpProblem, unavailable } from './problem.ts';

/** Who asks, and what it may. */
export type Principal = Pick<KeyGrant, 'scope' | 'partnerId' | 'expiresAt'> & {
  /** Null for the key of the settings. */
  readonly id: string | null;
};

export interface AuthenticationOptions {
  readonly findApiKey: FindApiKey;
  /** The key of the settings (ADMIN_API_KEY): works without the database. */
  readonly adminApiKey: string;
  /** Milliseconds since 1970. */
  now(): number;
}

export interface Authentication {
  /** Judges the value of `Authorization`. A key seen lately is answered at once, without a promise. */
  authenticate(header: string | undefined): Principal | HttpProblem | Promise<Principal | HttpProblem>;
  /** Forgets a key, by the hex of its SHA-256: it was changed or revoked. */
  drop(hashHex: string): void;
  /** Has every key looked up again before its next use: changes may have gone unheard. */
  clear(): void;
}

/**
 * A revocation is effective at once where its NOTIFY is heard; this bounds it, in milliseconds, where it is not: a second, with the
 * look-up. A key in steady use is looked up in the background after half of it, so its requests never wait.
 */
const FRESH_MS = 900;
const REFRESH_AFTER_MS = 450;

/** A database that does not answer a look-up for so long counts as away. */
const LOOK_UP_MS = 2_000;

/** Bearer keys (RFC 6750), looked up by their hash and remembered; while the database is away, known keys go on working. */
export function createAuthentication({ findApiKey, adminApiKey, now }: AuthenticationOptions): Authentication {
  const keys = createRemembered<string, KeyGrant>({
    load: (hashHex) => inTime(findApiKey(hashHex)),
    freshMs: FRESH_MS,
    refreshAfterMs: REFRESH_AFTER_MS,
    now,
  });
  const adminHash = hashApiKey(adminApiKey);
  const admin: Principal = { scope: 'admin', partnerId: null, expiresAt: null, id: null };
  return {
    authenticate(header) {
      const key = header === undefined ? undefined : /^Bearer +(\S+) *$/i.exec(header)?.[1];
      if (key === undefined) return missing();
      const hashHex = hashApiKey(key);
      if (hashHex === adminHash) return admin; // hashes of unguessable keys: their comparison leaks nothing of use
      const grant = keys.get(hashHex);
      return grant instanceof Promise ? grant.then((found) => judge(found, now()), unknowable) : judge(grant, now());
    },
    drop: keys.drop,
    clear: keys.clear,
  };
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${LOOK_UP_MS} ms`)), LOOK_UP_MS);
  });
  return Promise.race([answer, late]).finally(() => clearTimeout(timer));
}

function judge(grant: KeyGrant | null, now: number): Principal | HttpProblem {
  if (!grant) return refused('this API key is not known');
  if (grant.revokedAt) return refused('this API key was revoked');
  if (grant.expiresAt && grant.expiresAt.getTime() <= now) return refused('this API key has expired');
  return grant;
}

const missing = (): HttpProblem =>
  unauthorized('send an API key: Authorization: Bearer postrider_…', 'Bearer realm="postrider"');

const refused = (detail: string): HttpProblem =>
  unauthorized(detail, 'Bearer realm="postrider", error="invalid_token"');

const unauthorized = (detail: string, challenge: string): HttpProblem =>
  new HttpProblem(401, 'unauthorized', detail, { headers: { 'www-authenticate': challenge } });

const unknowable = (): HttpProblem => unavailable('API keys cannot be looked up right now: try again');
