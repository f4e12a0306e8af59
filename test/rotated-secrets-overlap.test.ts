import { createPublicKey, verify } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Arrival, type Receiver, startReceiver } from './support/receiver.ts';
import { type Service, startService } from './support/service.ts';

let service: Service;
let receiver: Receiver;

beforeAll(async () => {
  [service, receiver] = await Promise.all([startService(), startReceiver()]);
});
afterAll(async () => {
  await service.stop();
  await receiver.close();
});

async function nextWebhook(partnerId: string): Promise<Arrival> {
  const path = `/${partnerId}`;
  const before = receiver.at(path).length;
  await service.publish(partnerId, { n: before });
  await receiver.arrived(path, before + 1);
  return receiver.at(path)[before] as Arrival;
}

const signatures = ({ headers }: Arrival): string[] => String(headers['webhook-signature']).split(' ');

const verifies = (secret: string, { headers, body }: Arrival): boolean => {
  try {
    new Webhook(secret).verify(body.toString(), headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
};

/** As a receiver would: from the public key's text and the request alone. */
function verifiesEd25519(publicKey: string, arrival: Arrival): boolean {
  const x = Buffer.from(publicKey.replace(/^whpk_/, ''), 'base64').toString('base64url');
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  const { headers, body } = arrival;
  const content = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const signature = signatures(arrival).find((each) => each.startsWith('v1a,')) ?? '';
  return verify(null, Buffer.from(content), key, Buffer.from(signature.slice(4), 'base64'));
}

interface Shown {
  secret: string;
  publicKey: string;
}

async function setUp(partnerId: string, settings: object = {}) {
  const [subscription] = await service.addPartner(partnerId, [`${receiver.url}/${partnerId}`], settings);
  const path = `/v1/partners/${partnerId}/subscriptions/${subscription?.id}/secrets`;
  return {
    first: subscription as unknown as Shown,
    rotate: async (body: object) => (await service.call<Shown>('POST', `${path}/rotate`, body)).body,
    list: async () => (await service.call<{ data: Shown[] }>('GET', path)).body.data,
  };
}

/** As if the overlap had passed. */
const endOverlap = () => service.pool.query('UPDATE secrets SET expires_at = now() WHERE expires_at > now()');

test('while the overlap lasts both secrets verify; after it only the new one', async () => {
  const { first, rotate } = await setUp('acme');
  expect(verifies(first.secret, await nextWebhook('acme'))).toBe(true);

  const second = await rotate({});
  const during = await nextWebhook('acme');
  expect(signatures(during)).toHaveLength(2);
  expect([first, second].map(({ secret }) => verifies(secret, during))).toEqual([true, true]);

  await endOverlap();
  const after = await nextWebhook('acme');
  expect(signatures(after)).toHaveLength(1);
  expect([first, second].map(({ secret }) => verifies(secret, after))).toEqual([false, true]);
});

test('overlap 0 stops the old secret at once; five sign together', async () => {
  const { first, rotate } = await setUp('five');
  const second = await rotate({ overlapSeconds: 0 });
  const at0 = await nextWebhook('five');
  expect([first, second].map(({ secret }) => verifies(secret, at0))).toEqual([false, true]);

  const more = [];
  for (let n = 0; n < 4; n++) more.push(await rotate({ overlapSeconds: 7 * 86_400 }));
  const five = await nextWebhook('five');
  expect(signatures(five)).toHaveLength(5);
  expect([second, ...more].every(({ secret }) => verifies(secret, five))).toBe(true);
});

test('from HMAC to Ed25519: both sign during the overlap, and the public key that is shown verifies', async () => {
  const { first, rotate, list } = await setUp('edward');
  const second = await rotate({ algorithm: 'ed25519' });
  expect((await list()).map(({ publicKey }) => publicKey)).toEqual([second.publicKey, null]);
  const during = await nextWebhook('edward');
  expect(signatures(during).map((each) => each.split(',')[0])).toEqual(['v1a', 'v1']);
  expect([verifies(first.secret, during), verifiesEd25519(second.publicKey, during)]).toEqual([true, true]);

  await endOverlap();
  const after = await nextWebhook('edward');
  expect([verifies(first.secret, after), verifiesEd25519(second.publicKey, after)]).toEqual([false, true]);
});

test.each([24, 64])('an own secret of %d bytes signs', async (size) => {
  const secret = `whsec_${Buffer.alloc(size, size).toString('base64')}`;
  await setUp(`own-${size}`, { secret });
  expect(verifies(secret, await nextWebhook(`own-${size}`))).toBe(true);
});

test('own headers arrive with their values, also when they were sent back redacted', async () => {
  const headers = { Authorization: 'Bearer sesame', 'X-Region': 'eu' };
  const [subscription] = await service.addPartner('heads', [`${receiver.url}/heads`], { headers });
  const path = `/v1/partners/heads/subscriptions/${subscription?.id}`;
  const { body } = await service.call<{ headers: object }>('GET', path);
  expect(body.headers).toEqual({ authorization: '••••', 'x-region': 'eu' });
  await service.call('PATCH', path, { headers: { ...body.headers, 'x-region': 'us' } });
  expect((await nextWebhook('heads')).headers).toMatchObject({ authorization: 'Bearer sesame', 'x-region': 'us' });
});
