import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { putDelivery, putEvent } from './records.ts';
import { publicDelivery, publicEvent, startApi, type TestApi } from './support.ts';

type Names = Record<string, string>;

let api: TestApi;
/** What each of the two has, by the names that paths use. */
const own: Record<'acme' | 'rival', Names> = { acme: {}, rival: {} };
const keys: Names = {};

beforeAll(async () => {
  api = await startApi();
  for (const id of ['acme', 'rival'] as const) {
    keys[id] = (await api.partner(id)).key;
    const { id: subscriptionId } = await api.subscription(id, { url: null });
    const eventId = await putEvent(api.pool, id);
    const deliveryId = await putDelivery(api.pool, { eventId, subscriptionId });
    const recoveries = `/v1/partners/${id}/subscriptions/${subscriptionId}/recoveries`;
    const recovery = await api.call('POST', recoveries, { body: { since: '2026-01-01T00:00:00Z' } });
    const [key] = (await api.call('GET', `/v1/partners/${id}/api-keys`)).body.data;
    own[id] = {
      partnerId: id,
      subscriptionId,
      eventId: publicEvent(eventId),
      deliveryId: publicDelivery(deliveryId),
      keyId: key.id,
      recoveryId: recovery.body.id,
    };
  }
});
afterAll(() => api.close());

/** Bodies that would do, were the resource one's own. */
const BODIES: Record<string, object> = {
  'POST /v1/partners/:partnerId/subscriptions': { url: 'https://example.com/', eventTypes: ['*'] },
  'POST /v1/partners/:partnerId/subscriptions/filter-test': { filter: {}, event: { type: 'a', data: 1 } },
  'PATCH /v1/partners/:partnerId/subscriptions/:subscriptionId': { enabled: false },
  'POST /v1/partners/:partnerId/subscriptions/:subscriptionId/recoveries': { since: '2026-01-01T00:00:00Z' },
  'PATCH /v1/partners/:partnerId': { name: 'taken over' },
  'POST /v1/partners/:partnerId/api-keys': { name: 'x' },
};

const fill = (url: string, names: Names) => url.replaceAll(/:(\w+)/g, (_, name) => names[name] as string);

function routes() {
  return api.app.routeTable.filter(({ url, method }) => url.startsWith('/v1/partners/:partnerId') && method !== 'HEAD');
}

async function expectNotFound(method: string, path: string, key: string | undefined, body?: object) {
  const answer = await api.call(method, path, { key: key as string, ...(body ? { body } : {}) });
  expect(`${method} ${path} ${answer.status} ${answer.body?.code}`).toBe(`${method} ${path} 404 not_found`);
  return answer;
}

const snapshot = async () =>
  (
    await api.pool.query(
      `SELECT (SELECT json_agg(p) FROM partners p) p, (SELECT json_agg(s) FROM subscriptions s) s, (SELECT json_agg(k) FROM secrets k) k,
         (SELECT json_agg(a) FROM api_keys a) a, (SELECT json_agg(d) FROM deliveries d) d,
         (SELECT json_agg(r) FROM recoveries r) r,
         (SELECT json_agg(f) FROM feed f) f`,
    )
  ).rows;

describe('every route below a partner', () => {
  test('there are some', () => expect(routes().length).toBeGreaterThan(18));

  test('is 404 for another partner’s key, and changes nothing', async () => {
    const before = await snapshot();
    for (const { method, url } of routes()) {
      await expectNotFound(method, fill(url, own.acme), keys.rival, BODIES[`${method} ${url}`]);
    }
    expect(await snapshot()).toEqual(before);
  });

  test('is 404 for another partner’s ids below one’s own, for partner and operator alike', async () => {
    const before = await snapshot();
    for (const { method, url } of routes()) {
      const foreign = [...url.matchAll(/:(\w+)/g)].map(([, name]) => name).filter((name) => name !== 'partnerId');
      for (const key of foreign.length > 0 ? [keys.rival, undefined] : []) {
        const path = fill(url, { ...own.acme, partnerId: 'rival' });
        const answer = await api.call(method, path, { ...(key ? { key } : {}), body: BODIES[`${method} ${url}`] });
        expect(`${method} ${path} ${answer.status}`).toBe(`${method} ${path} 404`);
      }
    }
    expect(await snapshot()).toEqual(before);
  });

  test('a foreign id and one that does not exist cannot be told apart', async () => {
    const foreign = await expectNotFound('GET', `/v1/partners/rival/events/${own.acme.eventId}`, keys.rival);
    const unknown = await expectNotFound(
      'GET',
      `/v1/partners/rival/events/${publicEvent(crypto.randomUUID())}`,
      keys.rival,
    );
    const shape = ({ body }: typeof foreign) => body.detail.replace(/evt_\w+/, 'evt_');
    expect(shape(foreign)).toBe(shape(unknown));
    const partner = await expectNotFound('GET', '/v1/partners/acme', keys.rival);
    const nobody = await expectNotFound('GET', '/v1/partners/nobody', keys.rival);
    expect(partner.body.detail.replace('acme', 'nobody')).toBe(nobody.body.detail);
  });
});

test('lists hold one’s own only, whatever is asked for', async () => {
  for (const list of ['subscriptions', 'events', 'deliveries', 'api-keys']) {
    const { status, body } = await api.call('GET', `/v1/partners/rival/${list}`, { key: keys.rival as string });
    expect(status).toBe(200);
    expect(body.data).toHaveLength(1);
    expect(JSON.stringify(body)).not.toContain('acme');
  }
  const foreign = `subscriptionId=${own.acme.subscriptionId}&eventId=${own.acme.eventId}`;
  for (const filter of foreign.split('&')) {
    const { body } = await api.call('GET', `/v1/partners/rival/deliveries?${filter}`, { key: keys.rival as string });
    expect(body.data).toEqual([]);
  }
});

test('one’s own is there', async () => {
  for (const { method, url } of routes().filter(({ method }) => method === 'GET')) {
    const { status } = await api.call(method, fill(url, own.acme), { key: keys.acme as string });
    expect(`${url} ${status}`).toBe(`${url} 200`);
  }
});

test('a partner’s keys end with it, and its id stays reserved', async () => {
  const gone = await api.partner('gone');
  expect((await api.call('DELETE', '/v1/partners/gone')).status).toBe(204);
  expect((await api.call('GET', '/v1/partners/gone')).status).toBe(404);
  expect((await api.call('GET', '/v1/partners/gone/events')).status).toBe(404);
  expect((await api.call('GET', '/v1/partners/gone', { key: gone.key })).status).toBe(401);
  const again = await api.call('POST', '/v1/partners', { body: { id: 'gone', name: 'x' } });
  expect(again).toMatchObject({ status: 409, body: { code: 'partner_id_reserved' } });
});
