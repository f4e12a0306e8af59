import { createPublicKey, randomBytes, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { signatureHeader, signingKey } from './signature.ts';

const body = '{"type":"order.created","data":{"id":12345678901234567890,"name":"Zoë 🚲"}}';
const now = Math.floor(Date.now() / 1000);
const headersWith = (signature: string) => ({
  'webhook-id': 'evt_1',
  'webhook-timestamp': String(now),
  'webhook-signature': signature,
});
const receiverOf = (secret: Uint8Array): Webhook => new Webhook(`whsec_${Buffer.from(secret).toString('base64')}`);

describe('an HMAC signature', () => {
  it.each([24, 32, 64])('verifies with a Standard Webhooks library, with a secret of %d bytes', (size) => {
    const secret = randomBytes(size);
    const header = signatureHeader([signingKey('hmac-sha256', secret)], 'evt_1', now, body);
    expect(receiverOf(secret).verify(body, headersWith(header))).toEqual(JSON.parse(body));
  });

  it('is the one of the specification', () => {
    const secret = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const header = signatureHeader(
      [signingKey('hmac-sha256', secret)],
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1614265330,
      '{"test": 2432232314}',
    );
    expect(header).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });

  it.each([
    ['id', 'evt_2', now, body],
    ['timestamp', 'evt_1', now - 1, body],
    ['body', 'evt_1', now, body.replace('Zoë', 'Zoe')],
  ])('covers the %s', (_what, id, timestamp, text) => {
    const secret = randomBytes(32);
    const header = signatureHeader([signingKey('hmac-sha256', secret)], id, timestamp, text);
    expect(() => receiverOf(secret).verify(body, headersWith(header))).toThrow('No matching signature');
  });
});

describe('several keys', () => {
  it('give a signature each: every receiver finds its own, old secret or new', () => {
    const [old, young] = [randomBytes(32), randomBytes(32)];
    const seed = randomBytes(32);
    const keys = [signingKey('hmac-sha256', young), signingKey('ed25519', seed), signingKey('hmac-sha256', old)];
    const header = signatureHeader(keys, 'evt_1', now, body);
    expect(header).toMatch(/^v1,\S+ v1a,\S+ v1,\S+$/);
    for (const secret of [old, young]) {
      expect(receiverOf(secret).verify(body, headersWith(header))).toEqual(JSON.parse(body));
    }
    expect(() => receiverOf(randomBytes(32)).verify(body, headersWith(header))).toThrow('No matching signature');
  });
});

describe('an Ed25519 signature', () => {
  it('verifies with the public key, over id, timestamp and body', () => {
    const signing = signingKey('ed25519', randomBytes(32));
    const [version, signature = ''] = signatureHeader([signing], 'evt_1', now, body).split(',');
    const key = createPublicKey(signing.key.export({ format: 'pem', type: 'pkcs8' }));
    const verifies = (content: string) => verify(null, Buffer.from(content), key, Buffer.from(signature, 'base64'));
    expect(version).toBe('v1a');
    expect(verifies(`evt_1.${now}.${body}`)).toBe(true);
    expect(verifies(`evt_2.${now}.${body}`)).toBe(false);
  });

  it('is the one of RFC 8032 §7.1 for its first key', () => {
    const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
    const { key } = signingKey('ed25519', seed);
    const spki = createPublicKey(key.export({ format: 'pem', type: 'pkcs8' })).export({ format: 'der', type: 'spki' });
    expect(spki.subarray(-32).toString('hex')).toBe('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
  });
});
