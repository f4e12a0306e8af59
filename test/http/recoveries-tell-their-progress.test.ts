import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { newId } from '../../src/domain/ids.ts';
import { createRecover } from '../../src/pipeline/recover.ts';
import { createSubscriptionCache } from '../../src/pipeline/subscription-cache.ts';
import { createRecoverySteps } from '../../src/store/recovery-steps.ts';
import { createLoadSubscriptions } from '../../src/store/subscriptions.ts';
import { until } from '../support/until.ts';
import { type DeliveryRecord, putDelivery, putEvent } from './records.ts';
import { publicDelivery, startApi, type TestApi } from './support.ts';

let api: TestApi;
let key: string;
let subscriptionId: string;
let path: string;
/** One step of a worker, of four rows at the most. */
let step: () => Promise<unknown>;

const hourAgo = new Date(Date.now() - 3_600_000).toISOString();

beforeAll(async () => {
  api = await startApi();
});
beforeEach(async () => {
  const partner = await api.partner(newId());
  key = partner.key;
  subscriptionId = (await api.subscription(partner.id)).id;
  path = `/v1/partners/${partner.id}/subscriptions/${subscriptionId}`;
  const loadAll = createLoadSubscriptions(api.pool, api.cipher);
  const load = async (id: string) => {
    const loaded = await loadAll(id);
    return loaded && { ...loaded, subscriptions: loaded.subscriptions.map((each) => ({ ...each, keys: [] })) }; // nothing is sent
  };
  const ports = {
    inStep: createRecoverySteps(api.pool),
    subscriptions: createSubscriptionCache({ load }),
    scheduled: () => undefined,
  };
  const recover = createRecover(ports, { stepRows: 4 });
  step = async () => {
    await api.pool.query(`UPDATE recoveries SET next_step_at = now() - interval '1 second'`);
    await recover();
  };

  async function missed(state: DeliveryRecord['state'] | null): Promise<void> {
    const eventId = await putEvent(api.pool, partner.id);
    if (state) publicIds.set(state, publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId, state })));
  }
  publicIds.clear();
  for (const state of ['exhausted', 'exhausted', 'canceled', 'succeeded', 'pending', null] as const)
    await missed(state);
  const now = Date.now();
  await until(Date.now, (time) => time > now); // what is recovered was accepted before it was asked for
});
afterAll(() => api.close());

/** The last delivery of each state. */
const publicIds = new Map<string, string>();

const ask = (body: object = {}) => api.call('POST', `${path}/recoveries`, { key, body: { since: hourAgo, ...body } });
const show = async (id: string) => (await api.call('GET', `${path}/recoveries/${id}`, { key })).body;

const stateOf = async (id: string | undefined) =>
  (await api.call('GET', `${path.replace(/subscriptions.*/, 'deliveries')}/${id}`, { key })).body.state;

test('how far it has come, step by step, and what it has brought back', async () => {
  const { status, headers, body } = await ask();
  expect([status, headers.location]).toEqual([202, `${path}/recoveries/${body.id}`]);
  const begun = { state: 'running', states: ['exhausted'], since: hourAgo, finishedAt: null, subscriptionId };
  expect(body).toMatchObject({ ...begun, total: null, scanned: 0, remaining: null, redelivered: 0 });
  expect(await show(body.id)).toEqual(body);
  await step();
  const ended = await show(body.id);
  expect(ended).toMatchObject({ state: 'succeeded', total: 5, scanned: 5, remaining: 0, redelivered: 2 });
  expect(ended.finishedAt).toMatch(/Z$/);
  expect(await stateOf(publicIds.get('exhausted'))).toBe('pending');
  expect(await stateOf(publicIds.get('canceled'))).toBe('canceled');
});

test('`all` brings back every state that there is, and what never was a delivery', async () => {
  const { body } = await ask({ states: ['all'] });
  expect(body.states).toEqual(['exhausted', 'canceled', 'succeeded', 'skipped']);
  await step();
  const midway = await show(body.id);
  expect(midway).toMatchObject({ state: 'running', total: 5 + 6, redelivered: 4 });
  expect(midway.remaining).toBe(midway.total - midway.scanned);
  expect(midway.remaining).toBeGreaterThan(0);
  await until(
    async () => {
      await step();
      return (await show(body.id)).state;
    },
    (state) => state === 'succeeded',
  );
  expect(await show(body.id)).toMatchObject({ scanned: 11, remaining: 0, redelivered: 5 });
  const { rows } = await api.pool.query(
    `SELECT DISTINCT d.state::text FROM deliveries d JOIN events e ON e.id = d.event_id WHERE e.partner_id = $1`,
    [body.partnerId],
  );
  expect(rows).toEqual([{ state: 'pending' }]);
});

test('what was accepted outside of its time stays as it is', async () => {
  const { body } = await ask({ until: new Date(Date.now() - 1_800_000).toISOString() });
  await step();
  expect(await show(body.id)).toMatchObject({ state: 'succeeded', total: 0, redelivered: 0 });
  expect(await stateOf(publicIds.get('exhausted'))).toBe('exhausted');
});

test('one runs at a time; canceled, it makes nothing pending any more, and what it has made stays so', async () => {
  const first = (await ask({ states: ['all'] })).body;
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'recovery_running' } });
  await step();
  const cancel = (id: string) => api.call('DELETE', `${path}/recoveries/${id}`, { key });
  expect((await cancel(first.id)).status).toBe(204);
  await step();
  expect(await show(first.id)).toMatchObject({ state: 'canceled', remaining: 0, redelivered: 4 });
  expect((await cancel(first.id)).status).toBe(204); // it is, already
  const second = (await ask()).body;
  await step();
  expect(await cancel(second.id)).toMatchObject({ status: 409, body: { code: 'not_running' } });
  const { body } = await api.call('GET', `${path}/recoveries`, { key });
  expect(body.data.map(({ id }: { id: string }) => id)).toEqual([second.id, first.id]);
});

test.each([
  [{ since: '2999-01-01T00:00:00Z' }, '/since'],
  [{ until: hourAgo }, '/since'],
  [{ states: [] }, '/states'],
  [{ states: ['pending'] }, '/states/0'],
  [{ since: 'yesterday' }, '/since'],
])('%j is refused', async (body, at) => {
  const answer = await ask(body);
  expect(answer.status).toBe(422);
  expect(answer.body.errors.map(({ path }: { path: string }) => path)).toContain(at);
});

test('nothing is recovered for a subscription that is disabled, somebody else’s or gone', async () => {
  await api.call('PATCH', path, { key, body: { enabled: false } });
  expect(await ask()).toMatchObject({ status: 409, body: { code: 'subscription_disabled' } });
  const stranger = await api.partner(newId());
  const theirs = `/v1/partners/${stranger.id}/subscriptions/${subscriptionId}/recoveries`;
  const asked = { key: stranger.key, body: { since: hourAgo } };
  expect(await api.call('POST', theirs, asked)).toMatchObject({ status: 404 });
  await api.call('DELETE', path, { key });
  expect(await ask()).toMatchObject({ status: 404 });
});
