import { afterAll, beforeAll, expect, test } from 'vitest';
import { DEAD_LETTER_REASONS } from '../../src/domain/dead-letter.ts';
import { createGrowingIds, publicId } from '../../src/domain/ids.ts';
import { startApi, type TestApi } from './support.ts';

/** In the order they are made, also within a millisecond. */
const newId = createGrowingIds();

let api: TestApi;

beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());

interface Given {
  readonly reason?: string;
  readonly lane?: string;
  readonly partnerId?: string;
  readonly state?: string;
  readonly seen?: string;
}

async function letter({ reason = 'malformed', lane = 'live', partnerId, state = 'waiting', seen }: Given = {}) {
  const id = newId();
  await api.pool.query(
    `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, partner_id, receive_count, state, last_seen_at)
     VALUES ($1, $2, $3, 'why', 'x', '{}', $4, 1, $5, coalesce($6, now()))`,
    [id, lane, reason, partnerId ?? null, state, seen ?? null],
  );
  return publicId('dl', id);
}

const ids = async (query: string): Promise<string[]> => {
  const { status, body } = await api.call('GET', `/v1/dead-letters?${query}`);
  expect(status).toBe(200);
  return body.data.map(({ id }: { id: string }) => id);
};

const redriveAll = async (body: object) => (await api.call('POST', '/v1/dead-letters/redrive', { body })).body.count;

test('filters select, newest first, page by page', async () => {
  const malformed = await letter();
  const bulk = await letter({ lane: 'bulk', reason: 'receive_limit', partnerId: 'acme' });
  const old = await letter({ seen: '2026-01-01T00:00:00Z', reason: 'unknown_partner' });
  const redriven = await letter({ state: 'redriven' });
  expect(await ids('')).toEqual([old, bulk, malformed]);
  expect(await ids('state=redriven')).toEqual([redriven]);
  expect(await ids('reason=receive_limit')).toEqual([bulk]);
  expect(await ids('lane=live')).toEqual([old, malformed]);
  expect(await ids('partnerId=acme')).toEqual([bulk]);
  expect(await ids('until=2026-02-01T00:00:00Z')).toEqual([old]);
  expect(await ids('since=2026-02-01T00:00:00Z')).toEqual([bulk, malformed]);
  const { body } = await api.call('GET', '/v1/dead-letters?limit=2');
  expect(await ids(`limit=2&cursor=${body.nextCursor}`)).toEqual([malformed]);
  expect((await api.call('GET', `/v1/dead-letters/${redriven}`)).body).toMatchObject({
    id: redriven,
    state: 'redriven',
  });
  await api.pool.query('TRUNCATE dead_letters');
});

test.each(DEAD_LETTER_REASONS)('each reason that there is can be asked for and redriven: %s', async (reason) => {
  const [wanted] = [await letter({ reason }), await letter({ reason: 'another' })];
  expect(await ids(`reason=${reason}`)).toEqual([wanted]);
  expect(await redriveAll({ reason })).toBe(1);
  await api.pool.query('TRUNCATE dead_letters');
});

test('a bulk redrive lines up what it selects once, 50 a second, also behind an earlier one', async () => {
  const some = await Promise.all(Array.from({ length: 10 }, () => letter({ lane: 'bulk' })));
  await Promise.all(Array.from({ length: 10 }, () => letter()));
  await letter({ state: 'redriven' });
  expect(await redriveAll({ ids: some.slice(0, 2), lane: 'live' })).toBe(0);
  expect(await redriveAll({ ids: some })).toBe(10);
  expect(await redriveAll({ lane: 'bulk' })).toBe(0);
  expect(await Promise.all([redriveAll({}), redriveAll({})]).then((counts) => counts.sort())).toEqual([0, 10]);
  const { rows } = await api.pool.query<{ gap: number }>(
    `SELECT extract(epoch FROM redrive_at - lag(redrive_at) OVER (ORDER BY redrive_at))::float8 * 1000 AS gap
     FROM dead_letters WHERE redrive_at IS NOT NULL OFFSET 1`,
  );
  expect(rows).toHaveLength(19);
  // The first of the second request has the place of the last of the first one.
  expect(rows.filter(({ gap }) => gap >= 19)).toHaveLength(18);
});

test.each([
  ['GET', '/v1/dead-letters?reason=unlucky', undefined, 422],
  ['GET', '/v1/dead-letters?state=gone', undefined, 422],
  ['GET', '/v1/dead-letters?lane=%00', undefined, 422],
  ['GET', '/v1/dead-letters?since=yesterday', undefined, 422],
  ['GET', '/v1/dead-letters?partnerId=%00', undefined, 422],
  ['GET', '/v1/dead-letters?cursor=x', undefined, 400],
  ['GET', '/v1/dead-letters/dl_wrong', undefined, 404],
  ['GET', `/v1/dead-letters/${publicId('dl', newId())}`, undefined, 404],
  ['DELETE', `/v1/dead-letters/${publicId('evt', newId())}`, undefined, 404],
  ['POST', '/v1/dead-letters/redrive', { ids: ['evt_x'] }, 422],
  ['POST', '/v1/dead-letters/redrive', { ids: [] }, 422],
  ['POST', '/v1/dead-letters/redrive', { everything: true }, 422],
  ['POST', '/v1/dead-letters/redrive', { since: 'yesterday' }, 422],
  ['POST', '/v1/dead-letters/redrive', undefined, 422],
])('%s %s %j is answered %i', async (method, path, body, status) => {
  const answer = await api.call(method, path, body ? { body } : {});
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toContain('application/problem+json');
});

test('they are the operators’ alone', async () => {
  const { key } = await api.partner('acme');
  const id = await letter();
  for (const [method, path] of [
    ['GET', '/v1/dead-letters'],
    ['GET', `/v1/dead-letters/${id}`],
    ['DELETE', `/v1/dead-letters/${id}`],
    ['POST', `/v1/dead-letters/${id}/redrive`],
    ['POST', '/v1/dead-letters/redrive'],
  ] as const) {
    expect((await api.call(method, path, { key, body: method === 'POST' ? {} : undefined })).status).toBe(403);
  }
});
