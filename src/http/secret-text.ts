import { createPublicKey, randomBytes } from 'node:crypto';
import { signingKey } from '../domain/signature.ts';
import type { SecretAlgorithm } from '../domain/subscription.ts';
import type { SecretValue } from '../store/secrets.ts';

/** How Standard Webhooks 1.0 writes secrets: base64 behind a prefix that tells the kind. */
const PREFIXES: Readonly<Record<SecretAlgorithm, string>> = { 'hmac-sha256': 'whsec_', ed25519: 'whsk_' };

/** HMAC: 24–64 bytes, as the standard asks. Ed25519: the 32-byte seed, or seed and public key. */
const LENGTHS: Readonly<Record<SecretAlgorithm, (bytes: number) => boolean>> = {
  'hmac-sha256': (bytes) => bytes >= 24 && bytes <= 64,
  ed25519: (bytes) => bytes === 32 || bytes === 64,
};

/** What a secret's text must look like, for people. */
export const SECRET_RULE =
  'must be whsec_ and the base64 of 24–64 bytes, or whsk_ and the base64 of an Ed25519 private key (its 32-byte seed; its ' +
  'public key may follow)';

/** A secret of our own making: 32 random bytes serve both algorithms. */
export const newSecret = (algorithm: SecretAlgorithm): SecretValue => ({ algorithm, bytes: randomBytes(32) });

/** Reads a secret that somebody brought; null when it is none. */
export function parseSecret(text: string): SecretValue | null {
  const algorithm = text.startsWith(PREFIXES.ed25519) ? 'ed25519' : 'hmac-sha256';
  const prefix = PREFIXES[algorithm];
  if (!text.startsWith(prefix)) return null;
  const base64 = text.slice(prefix.length);
  const bytes = Buffer.from(base64, 'base64');
  if (bytes.toString('base64') !== base64 || !LENGTHS[algorithm](bytes.length)) return null;
  const value: SecretValue = { algorithm, bytes };
  return bytes.length === 64 && algorithm === 'ed25519' && !publicKey(value).equals(bytes.subarray(32)) ? null : value;
}

/** The 32 bytes that an Ed25519 secret's signatures are verified with. */
function publicKey({ algorithm, bytes }: SecretValue): Buffer {
  const { x = '' } = createPublicKey(signingKey(algorithm, bytes).key).export({ format: 'jwk' });
  return Buffer.from(x, 'base64url');
}

/** What the receiver verifies with: the shared secret, or the public key (the private one is shown to nobody). */
export interface ShownSecret {
  readonly secret: string | null;
  readonly publicKey: string | null;
}

/** A secret for those who verify with it. */
export function showSecret({ algorithm, bytes }: SecretValue): ShownSecret {
  if (algorithm === 'hmac-sha256') {
    return { secret: `${PREFIXES[algorithm]}${Buffer.from(bytes).toString('base64')}`, publicKey: null };
  }
  return { secret: null, publicKey: `whpk_${publicKey({ algorithm, bytes }).toString('base64')}` };
}
