import { afterAll, beforeAll, expect, test } from 'vitest';
import { createLoadSubscriptions } from '../../src/store/subscriptions.ts';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
const PATH = '/v1/partners/acme/subscriptions';
const MARK = '••••';

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
});
afterAll(() => api.close());

const sent = async (id: string) => {
  const loaded = await createLoadSubscriptions(api.pool, api.cipher)('acme');
  return loaded?.subscriptions.find(({ url }) => url?.endsWith(id))?.headers;
};

test.each(['authorization', 'Cookie', 'X-API-Key', 'x-acme-token', 'client-secret', 'x-password', 'x-auth'])(
  '%s is hidden wherever a subscription is shown',
  async (name) => {
    const created = await api.subscription('acme', { headers: { [name]: 'sesame', 'x-region': 'eu' } });
    const path = `${PATH}/${created.id}`;
    const shown = { [name.toLowerCase()]: MARK, 'x-region': 'eu' };
    expect(created.headers).toEqual(shown);
    expect((await api.call('GET', path)).body.headers).toEqual(shown);
    expect((await api.call('PATCH', path, { body: { description: 'x' } })).body.headers).toEqual(shown);
    expect((await api.call('GET', PATH)).text).not.toContain('sesame');
  },
);

test('the redaction mark keeps the stored value; other values replace it; what is left out goes', async () => {
  const headers = { authorization: 'old', 'x-token': 'old', 'x-plain': 'old' };
  const { id } = await api.subscription('acme', { url: 'https://example.com/keep', headers });
  const change = { Authorization: MARK, 'x-token': 'new', 'x-plain': MARK };
  expect((await api.call('PATCH', `${PATH}/${id}`, { body: { headers: change } })).status).toBe(200);
  expect(await sent('/keep')).toEqual({ authorization: 'old', 'x-token': 'new', 'x-plain': 'old' });
  await api.call('PATCH', `${PATH}/${id}`, { body: { headers: { authorization: MARK } } });
  expect(await sent('/keep')).toEqual({ authorization: 'old' });
});

test('a mark without a stored value is a fault, and changes nothing', async () => {
  const { id } = await api.subscription('acme', { url: 'https://example.com/none', headers: { authorization: 'old' } });
  for (const name of ['x-token', 'constructor', '__proto__']) {
    const body = `{"headers":{"authorization":"new","${name}":"${MARK}"}}`;
    const answer = await api.call('PATCH', `${PATH}/${id}`, { raw: body });
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: `/headers/${name}` }] } });
  }
  expect(await sent('/none')).toEqual({ authorization: 'old' });
  const created = await api.call('POST', PATH, {
    body: { url: 'https://example.com/', eventTypes: ['*'], headers: { authorization: MARK } },
  });
  expect(created.status).toBe(422);
  expect(api.errors).toEqual([]);
});

test.each([
  'Connection',
  'Content-Length',
  'Content-Type',
  'Expect',
  'Host',
  'Keep-Alive',
  'Postrider-Delivery',
  'Proxy-Authorization',
  'TE',
  'Trailer',
  'Transfer-Encoding',
  'Upgrade',
  'User-Agent',
  'Webhook-Signature',
])('%s is not a subscription’s to set', async (name) => {
  const body = { url: 'https://example.com/', eventTypes: ['*'], headers: { [name]: 'x' } };
  const answer = await api.call('POST', PATH, { body });
  expect(answer).toMatchObject({ status: 422, body: { errors: [{ path: `/headers/${name.toLowerCase()}` }] } });
});

test('all headers together are limited', async () => {
  const headers = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`x-${n}`, 'v'.repeat(1000)]));
  const body = { url: 'https://example.com/', eventTypes: ['*'], headers };
  expect(await api.call('POST', PATH, { body })).toMatchObject({
    status: 422,
    body: { errors: [{ path: '/headers' }] },
  });
});
