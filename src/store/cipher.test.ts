import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { createCipher } from './cipher.ts';

const [old, fresh] = [randomBytes(32), randomBytes(32)];
const plain = Buffer.from('whsec_ 👋');

test('what was encrypted decrypts, and is not readable', () => {
  const cipher = createCipher([fresh]);
  const sealed = cipher.encrypt(plain, 'row 1');
  expect(cipher.decrypt(sealed, 'row 1')).toEqual(plain);
  expect(sealed.includes(plain)).toBe(false);
  expect(cipher.encrypt(plain, 'row 1')).not.toEqual(sealed);
});

test('the newest key encrypts, all of them decrypt', () => {
  const sealedWithOld = createCipher([old]).encrypt(plain, 'row 1');
  const rotated = createCipher([fresh, old]);
  expect(rotated.decrypt(sealedWithOld, 'row 1')).toEqual(plain);
  expect(createCipher([fresh]).decrypt(rotated.encrypt(plain, 'row 1'), 'row 1')).toEqual(plain);
  expect(() => createCipher([fresh]).decrypt(sealedWithOld, 'row 1')).toThrow('not among ENCRYPTION_KEYS');
});

test('a changed or misplaced ciphertext does not decrypt', () => {
  const cipher = createCipher([fresh]);
  const sealed = cipher.encrypt(plain, 'row 1');
  expect(() => cipher.decrypt(sealed, 'row 2')).toThrow();
  for (const at of [0, 3, 8, 20, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
    expect(() => cipher.decrypt(changed, 'row 1'), `byte ${at}`).toThrow();
  }
  expect(() => cipher.decrypt(sealed.subarray(0, 20), 'row 1')).toThrow('not a ciphertext');
});

test('the ring has keys of 32 bytes', () => {
  expect(() => createCipher([])).toThrow('empty');
  expect(() => createCipher([randomBytes(16)])).toThrow('32 bytes');
});
