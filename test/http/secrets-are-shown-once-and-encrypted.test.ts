import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLoadSubscriptions } from '../../src/store/subscriptions.ts';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
const PATH = '/v1/partners/acme/subscriptions';

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
});
afterAll(() => api.close());

/** Everything the database holds about secrets and keys, as text. */
async function dump(): Promise<string> {
  const { rows } = await api.pool.query(
    'SELECT (SELECT json_agg(s) FROM subscriptions s) s, (SELECT json_agg(k) FROM secrets k) k, (SELECT json_agg(a) FROM api_keys a) a',
  );
  return JSON.stringify(rows);
}

const readable = (secret: string) => [secret, Buffer.from(secret.replace(/^whsec_/, ''), 'base64').toString('hex')];

test('a subscription shows its secret when it is created, and not again', async () => {
  const created = await api.subscription('acme', { headers: { Authorization: 'Basic c2VzYW1l' } });
  expect(created.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const { body } = await api.call('GET', `${PATH}/${created.id}`);
  const { secret: _, publicKey, ...rest } = created;
  expect(publicKey).toBe(null);
  expect(body).toEqual(rest);
  expect(body.headers).toEqual({ authorization: '••••' });
  expect((await api.call('GET', PATH)).text).not.toContain('whsec_');
  const stored = await dump();
  for (const text of [...readable(created.secret), 'sesame', 'c2VzYW1l', Buffer.from('c2VzYW1l').toString('hex')]) {
    expect(stored).not.toContain(text);
  }
});

test('an API key is shown when it is created, and only its hash is kept', async () => {
  const { body } = await api.call('POST', '/v1/api-keys', { body: { name: 'service', scope: 'publish' } });
  expect(body).toMatchObject({ scope: 'publish', partnerId: null, expiresAt: null, hint: body.key.slice(-4) });
  expect(body.key).toMatch(/^postrider_[\w-]{43}$/);
  expect((await api.call('GET', '/v1/api-keys')).text).not.toContain(body.key);
  expect(await dump()).not.toContain(body.key);
});

test('own secrets are taken, HMAC and Ed25519', async () => {
  const secret = `whsec_${Buffer.alloc(24, 1).toString('base64')}`;
  expect((await api.subscription('acme', { secret })).secret).toBe(secret);
  const ed25519 = await api.subscription('acme', { secret: `whsk_${Buffer.alloc(32, 1).toString('base64')}` });
  expect(ed25519).toMatchObject({ secret: null, publicKey: expect.stringMatching(/^whpk_[A-Za-z0-9+/]{43}=$/) });
  const publicKey = Buffer.from(ed25519.publicKey.slice('whpk_'.length), 'base64');
  const whole = (end: Buffer) => `whsk_${Buffer.concat([Buffer.alloc(32, 1), end]).toString('base64')}`;
  expect((await api.subscription('acme', { secret: whole(publicKey) })).publicKey).toBe(ed25519.publicKey);
  expect((await api.subscription('acme', { secret: whole(Buffer.alloc(32)) })).status).toBe(422);
});

test('rotation: the new signs at once, the old until the overlap ends', async () => {
  const { id, secret } = await api.subscription('acme');
  const rotate = (body?: object) => api.call('POST', `${PATH}/${id}/secrets/rotate`, body ? { body } : {});
  const list = async () => (await api.call('GET', `${PATH}/${id}/secrets`)).body.data;
  const rotated = await rotate();
  expect(rotated).toMatchObject({ status: 201, body: { algorithm: 'hmac-sha256', expiresAt: null } });
  const [newer, older] = await list();
  expect([newer.secret, older.secret]).toEqual([rotated.body.secret, secret]);
  const overlapMs = Date.parse(older.expiresAt) - Date.now();
  expect(overlapMs).toBeGreaterThan(86_300_000);
  expect(overlapMs).toBeLessThanOrEqual(86_400_000);
  await rotate({ algorithm: 'ed25519', overlapSeconds: 0 });
  expect(await list()).toMatchObject([{ algorithm: 'ed25519', secret: null, publicKey: expect.any(String) }]);
});

test('five secrets sign at the most', async () => {
  const { id } = await api.subscription('acme');
  const rotate = (body: object) => api.call('POST', `${PATH}/${id}/secrets/rotate`, { body });
  for (let n = 0; n < 4; n++) expect((await rotate({})).status).toBe(201);
  expect(await rotate({})).toMatchObject({ status: 409, body: { code: 'too_many_secrets' } });
  expect((await rotate({ overlapSeconds: 0 })).status).toBe(201);
});

test('workers load a partner’s subscriptions with what signs now, and the version they are of', async () => {
  await api.partner('loaded');
  const load = createLoadSubscriptions(api.pool, api.cipher);
  expect(await load('nobody')).toBe(null);
  const empty = await load('loaded');
  expect(empty?.subscriptions).toEqual([]);
  const created = await api.subscription('loaded', { headers: { 'x-a': '1' }, timeoutSeconds: 5, enabled: false });
  const gone = await api.subscription('loaded');
  await api.call('DELETE', `/v1/partners/loaded/subscriptions/${gone.id}`);
  const path = `/v1/partners/loaded/subscriptions/${created.id}`;
  await api.call('POST', `${path}/secrets/rotate`, { body: { algorithm: 'ed25519', overlapSeconds: 0 } });
  const { body } = await api.call('POST', `${path}/secrets/rotate`, { body: { overlapSeconds: 60 } });
  const loaded = await load('loaded');
  expect(loaded?.subscriptions).toMatchObject([
    {
      partnerId: 'loaded',
      headers: { 'x-a': '1' },
      timeoutMs: 5000,
      enabled: false,
      eventTypes: ['*'],
      secrets: [
        { algorithm: 'hmac-sha256', bytes: Buffer.from(body.secret.slice(6), 'base64'), expiresAt: null },
        { algorithm: 'ed25519', expiresAt: expect.any(Date) },
      ],
    },
  ]);
  expect(loaded?.version).toBeGreaterThan(empty?.version as bigint);
  await api.call('DELETE', '/v1/partners/loaded');
  expect(await load('loaded')).toBe(null);
});
