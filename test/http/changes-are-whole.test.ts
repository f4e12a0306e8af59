import { afterAll, beforeAll, expect, test } from 'vitest';
import { startApi, type TestApi } from './support.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
});
afterAll(() => api.close());

const PATH = '/v1/partners/acme/subscriptions';

test('a partner: what is left out stays, an id is made where none is given', async () => {
  const { status, body, headers } = await api.call('POST', '/v1/partners', {
    body: { name: 'A', metadata: { a: [1] } },
  });
  expect([status, headers.location]).toEqual([201, `/v1/partners/${body.id}`]);
  const path = `/v1/partners/${body.id}`;
  expect((await api.call('PATCH', path, { body: { name: 'B' } })).body).toMatchObject({
    name: 'B',
    metadata: { a: [1] },
  });
  expect((await api.call('PATCH', path, { body: { metadata: {} } })).body).toMatchObject({ name: 'B', metadata: {} });
  expect((await api.call('PATCH', path, { body: {} })).body.name).toBe('B');
});

test('a subscription: what is left out stays, null clears', async () => {
  const { id } = await api.subscription('acme', {
    description: 'd',
    timeoutSeconds: 3,
    headers: { a: '1' },
    metadata: { m: 1 },
  });
  const patch = async (body: object) => (await api.call('PATCH', `${PATH}/${id}`, { body })).body;
  expect(await patch({ eventTypes: ['order.*'] })).toMatchObject({
    url: 'https://example.com/hooks',
    eventTypes: ['order.*'],
    description: 'd',
    timeoutSeconds: 3,
    headers: { a: '1' },
    metadata: { m: 1 },
  });
  const cleared = { description: null, timeoutSeconds: null, headers: {}, metadata: {} };
  expect(await patch(cleared)).toMatchObject(cleared);
  await api.pool.query(
    `UPDATE subscriptions SET enabled = false, disabled_reason = 'the receiver answered 410' WHERE enabled`,
  );
  expect(await patch({ description: 'x' })).toMatchObject({
    enabled: false,
    disabledReason: 'the receiver answered 410',
  });
  expect(await patch({ enabled: true })).toMatchObject({ enabled: true, disabledReason: null });
  expect((await api.call('PATCH', `${PATH}/${id}`, { body: { url: 'https://127.0.0.1/' } })).status).toBe(422);
});

test('changes raise the version that workers compare', async () => {
  const version = async () => {
    const { rows } = await api.pool.query(`SELECT subscriptions_version::int v FROM partners WHERE id = 'acme'`);
    return rows[0].v as number;
  };
  let last = await version();
  const expectRaised = async () => {
    expect(await version()).toBeGreaterThan(last);
    last = await version();
  };
  const { id } = await api.subscription('acme');
  await expectRaised();
  for (const [method, path, body] of [
    ['PATCH', '', { enabled: false }],
    ['POST', '/secrets/rotate', {}],
    ['DELETE', '', undefined],
  ] as const) {
    await api.call(method, `${PATH}/${id}${path}`, { body });
    await expectRaised();
  }
});

test('changes at the same moment end in one order: no deadlock, and nothing left behind by a deleted partner', async () => {
  for (let round = 0; round < 5; round++) {
    const id = `busy-${round}`;
    await api.partner(id);
    const { id: subscription } = await api.subscription(id);
    const path = `/v1/partners/${id}/subscriptions`;
    const body = { url: 'https://example.com/', eventTypes: ['*'] };
    const answers = await Promise.all([
      api.call('POST', path, { body }),
      api.call('PATCH', `${path}/${subscription}`, { body: { enabled: false } }),
      api.call('POST', `${path}/${subscription}/secrets/rotate`),
      api.call('DELETE', `/v1/partners/${id}`),
      api.call('DELETE', `${path}/${subscription}`),
      api.call('POST', path, { body }),
    ]);
    for (const { status } of answers) expect([200, 201, 204, 404]).toContain(status);
    const left = await api.pool.query('SELECT FROM subscriptions WHERE partner_id = $1 AND deleted_at IS NULL', [id]);
    expect(left.rowCount).toBe(0);
  }
  expect(api.errors).toEqual([]);
});

test('one id is given once, however many ask for it at the same moment', async () => {
  const answers = await Promise.all(
    Array.from({ length: 8 }, () => api.call('POST', '/v1/partners', { body: { id: 'one', name: 'x' } })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409, 409, 409, 409]);
});
