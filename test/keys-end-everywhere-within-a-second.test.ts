import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Service, startService } from './support/service.ts';
import { until } from './support/until.ts';

let service: Service;
let urls: readonly string[];

beforeAll(async () => {
  service = await startService({ workers: 0, env: { API_RATE_LIMIT: '20' } });
  urls = [service.apiUrl, (await service.startApi()).url];
  await service.call('POST', '/v1/partners', { id: 'acme', name: 'Acme' });
});
afterAll(() => service.stop());

const newKey = async () =>
  (await service.call<{ id: string; key: string }>('POST', '/v1/partners/acme/api-keys', { name: 'own' })).body;

const ask = (url: string, key: string) =>
  fetch(`${url}/v1/partners/acme`, { headers: { authorization: `Bearer ${key}` } });

const revoke = ({ id }: { id: string }) =>
  fetch(`${service.apiUrl}/v1/api-keys/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${service.adminKey}` },
  });

const statuses = (key: string) => Promise.all(urls.map(async (url) => (await ask(url, key)).status));

async function expectEndsEverywhere() {
  const made = await newKey();
  expect(await statuses(made.key)).toEqual([200, 200]);
  expect((await revoke(made)).status).toBe(204);
  // In use all the while; a second, and two more for a busy machine.
  await until(
    () => statuses(made.key),
    (all) => all.every((status) => status === 401),
    3_000,
  );
}

test('a revoked key ends on every process', expectEndsEverywhere);

test('also where nobody hears of it', async () => {
  await service.pool.query('ALTER TABLE api_keys DISABLE TRIGGER api_keys_announce');
  await expectEndsEverywhere();
  await service.pool.query('ALTER TABLE api_keys ENABLE TRIGGER api_keys_announce');
});

test('each process says when a key was last used, to the minute, without waking the others', async () => {
  const { id, key } = await newKey();
  const before = Date.now();
  await statuses(key);
  const lastUsed = async () => {
    const { body } = await service.call<{ data: { id: string; lastUsedAt: string | null }[] }>('GET', '/v1/api-keys');
    return body.data.find((each) => each.id === id)?.lastUsedAt ?? null;
  };
  const at = Date.parse((await until(lastUsed, (time) => time !== null)) as string);
  expect(at % 60_000).toBe(0);
  expect(at).toBeGreaterThan(before - 60_000);
});

test('a key that asks too much is told when to come back; the key of the settings is not limited', async () => {
  const { key } = await newKey();
  const url = urls[0] as string;
  const first = await ask(url, key);
  expect(first.headers.get('ratelimit-policy')).toBe('"key";q=20;w=1');
  expect(first.headers.get('ratelimit')).toMatch(/^"key";r=19;t=1$/);
  const answers = await Promise.all(Array.from({ length: 200 }, () => ask(url, key)));
  const refused = answers.find(({ status }) => status === 429);
  expect(refused?.headers.get('retry-after')).toBe('1');
  expect(await refused?.json()).toMatchObject({ status: 429, code: 'rate_limited' });
  expect(answers.some(({ status }) => status === 200)).toBe(true);
  const operators = await Promise.all(Array.from({ length: 100 }, () => ask(url, service.adminKey)));
  expect(new Set(operators.map(({ status }) => status))).toEqual(new Set([200]));
  expect(operators[0]?.headers.get('ratelimit')).toBe(null);
  await until(
    async () => (await ask(url, key)).status,
    (status) => status === 200,
  );
});
