import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto';

/** Encrypts what must not be readable in a copy of the database. */
export interface Cipher {
  /**
   * @param context what the ciphertext belongs to, e.g. a row's id; decrypting takes the same, so that a ciphertext copied to
   *   another row does not decrypt
   */
  encrypt(plain: Uint8Array, context: string): Buffer<ArrayBuffer>;
  /** Throws when the ciphertext was changed, belongs elsewhere, or its key is not in the ring. */
  decrypt(sealed: Uint8Array, context: string): Buffer<ArrayBuffer>;
  /** What ciphertexts of the newest key have at bytes {@link KEY_ID_AT} … + 4, for finding the others. */
  readonly newestKeyId: Buffer;
}

const VERSION = 1;

/** Where a ciphertext names its key; bytes, from 0. */
export const KEY_ID_AT = 1;
const KEY_ID_BYTES = 4;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + IV_BYTES + TAG_BYTES;

/**
 * AES-256-GCM (NIST SP 800-38D) with a key ring: the first key encrypts, all of them decrypt, so keys are changed by putting a
 * new one in front. Layout: version (1 byte), key id (4, of the key's SHA-256), iv (12, random), tag (16), ciphertext.
 *
 * @param keys 32 bytes each, newest first
 */
export function createCipher(keys: readonly Uint8Array[]): Cipher {
  const [newest] = keys;
  if (!newest) throw new Error('the key ring is empty: give one key of 32 bytes at least');
  if (keys.some((key) => key.length !== 32)) throw new Error('an encryption key has 32 bytes');
  const ring = new Map(keys.map((key) => [keyId(key), key]));
  return {
    encrypt: (plain, context) => seal(newest, plain, context),
    decrypt: (sealed, context) => open(ring, Buffer.from(sealed), context),
    newestKeyId: Buffer.from(keyId(newest), 'hex'),
  };
}

const keyId = (key: Uint8Array): string => hash('sha256', key, 'hex').slice(0, 2 * KEY_ID_BYTES);

function seal(key: Uint8Array, plain: Uint8Array, context: string): Buffer<ArrayBuffer> {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(context));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([VERSION]), Buffer.from(keyId(key), 'hex'), iv, cipher.getAuthTag(), ciphertext]);
}

function open(ring: ReadonlyMap<string, Uint8Array>, sealed: Buffer, context: string): Buffer<ArrayBuffer> {
  if (sealed.length < HEADER_BYTES || sealed[0] !== VERSION) throw new Error('not a ciphertext of version 1');
  const id = sealed.toString('hex', 1, 1 + KEY_ID_BYTES);
  const key = ring.get(id);
  if (!key) throw new Error(`encrypted with key ${id}, which is not among ENCRYPTION_KEYS: add it at the end`);
  const ivAt = 1 + KEY_ID_BYTES;
  const tagAt = ivAt + IV_BYTES;
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(ivAt, tagAt), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context)).setAuthTag(sealed.subarray(tagAt, HEADER_BYTES));
  return Buffer.concat([decipher.update(sealed.subarray(HEADER_BYTES)), decipher.final()]);
}
