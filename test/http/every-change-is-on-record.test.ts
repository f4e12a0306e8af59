import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newId, parsePublicId, publicId } from '../../src/domain/ids.ts';
import { disableSubscription } from '../../src/store/hot-dead-letters.ts';
import { askForRedrive, markRedriven } from '../../src/store/redrive.ts';
import { putDelivery, putEvent } from './records.ts';
import { publicDelivery, startApi, type TestApi } from './support.ts';

let api: TestApi;
/** A partner's own key, and its id. */
let own: { key: string; id: string };
/** Everything that must be nowhere in the audit trail. */
const hidden: string[] = ['sesame'];

beforeAll(async () => {
  api = await startApi();
  const { key } = await api.partner('acme');
  const [{ id }] = (await api.call('GET', '/v1/partners/acme/api-keys')).body.data;
  own = { key, id };
  hidden.push(key);
});
afterAll(() => api.close());

const PARTNER = '/v1/partners/acme';
const SUBSCRIPTIONS = `${PARTNER}/subscriptions`;

interface Entry {
  readonly action: string;
  readonly actor: string;
  readonly partnerId: string | null;
  readonly subject: { type: string; id: string };
  // biome-ignore lint/suspicious/noExplicitAny: snapshots of every kind
  readonly before: any;
  // biome-ignore lint/suspicious/noExplicitAny: snapshots of every kind
  readonly after: any;
  readonly requestId: string | null;
}

const trail = async (query = ''): Promise<Entry[]> => (await api.call('GET', `/v1/audit?limit=250${query}`)).body.data;

/** Runs a call and gives the entries it left. */
async function entriesOf(call: () => Promise<unknown>): Promise<Entry[]> {
  const count = (await trail()).length;
  await call();
  const entries = await trail();
  return entries.slice(0, entries.length - count);
}

async function onlyEntry(method: string, path: string, options: { body?: object; key?: string } = {}) {
  let answer = { status: 0, headers: {} as Readonly<Record<string, unknown>> } as Awaited<ReturnType<TestApi['call']>>;
  const entries = await entriesOf(async () => {
    answer = await api.call(method, path, options);
  });
  expect(`${method} ${path} ${answer.status} ${entries.length}`).toMatch(/ 20[0-4] 1$/);
  const [entry] = entries as [Entry];
  expect(entry.requestId).toBe(answer.headers['x-request-id']);
  expect(entry.actor).toBe(options.key ? own.id : 'settings');
  return { entry, body: answer.body };
}

/** A dead letter; gives its UUID. */
async function putLetter(): Promise<string> {
  const id = newId();
  await api.pool.query(
    `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, partner_id, receive_count)
     VALUES ($1, 'live', 'malformed', 'd', 'sesame', '{}', 'acme', 1)`,
    [id],
  );
  return id;
}

describe('each action leaves exactly one entry', () => {
  test('a partner: created, changed, deleted with all that is its', async () => {
    const created = await onlyEntry('POST', '/v1/partners', { body: { id: 'brief', name: 'A', metadata: { n: 1 } } });
    const subject = { type: 'partner', id: 'brief' };
    expect(created.entry).toMatchObject({ action: 'partner.created', partnerId: 'brief', subject, before: null });
    const changed = await onlyEntry('PATCH', '/v1/partners/brief', { body: { name: 'B' } });
    expect(changed.entry).toMatchObject({
      action: 'partner.updated',
      before: { name: 'A', metadata: { n: 1 } },
      after: { name: 'B', metadata: { n: 1 } },
    });
    const { id } = await api.subscription('brief');
    const key = await api.call('POST', '/v1/partners/brief/api-keys', { body: { name: 'x' } });
    hidden.push(key.body.key);
    const { entry } = await onlyEntry('DELETE', '/v1/partners/brief');
    const before = { name: 'B', subscriptionIds: [id], apiKeyIds: [key.body.id] };
    expect(entry).toMatchObject({ action: 'partner.deleted', subject, before, after: null });
  });

  test('a subscription: created, changed, disabled by Postrider, deleted; by a partner’s key', async () => {
    const headers = { authorization: 'Bearer sesame', 'x-plain': 'sesame' };
    const body = { url: 'https://example.com/', eventTypes: ['a'], headers };
    const created = await onlyEntry('POST', SUBSCRIPTIONS, { body, key: own.key });
    hidden.push(created.body.secret);
    const { id } = created.body;
    const subject = { type: 'subscription', id };
    const marks = { authorization: '••••', 'x-plain': '••••' };
    expect(created.entry).toMatchObject({
      action: 'subscription.created',
      partnerId: 'acme',
      subject,
      before: null,
      after: { url: 'https://example.com/', headers: marks, secret: { algorithm: 'hmac-sha256' } },
    });
    const change = { eventTypes: ['b'], headers: { ...headers, 'x-plain': 'sesame 2' } };
    const { entry } = await onlyEntry('PATCH', `${SUBSCRIPTIONS}/${id}`, { body: change, key: own.key });
    expect(entry).toMatchObject({
      action: 'subscription.updated',
      before: { eventTypes: ['a'], headers: marks },
      after: { eventTypes: ['b'], headers: { authorization: '••••', 'x-plain': '•••• (changed)' } },
    });
    const disable = () =>
      disableSubscription(api.pool, { id: parsePublicId('sub', id) as string, url: body.url }, 'gone', null);
    const expected = {
      action: 'subscription.disabled',
      actor: 'postrider',
      partnerId: 'acme',
      subject,
      requestId: null,
    };
    expect(await entriesOf(disable)).toMatchObject([{ ...expected, after: { disabledReason: 'gone' } }]);
    expect(await entriesOf(disable)).toEqual([]); // it was disabled already
    const removed = await onlyEntry('DELETE', `${SUBSCRIPTIONS}/${id}`, { key: own.key });
    expect(removed.entry).toMatchObject({ action: 'subscription.deleted', before: { enabled: false }, after: null });
  });

  test('a secret: rotated', async () => {
    const { id, secret } = await api.subscription('acme');
    const mine = `whsec_${Buffer.alloc(32, 9).toString('base64')}`;
    const path = `${SUBSCRIPTIONS}/${id}/secrets/rotate`;
    const { entry, body } = await onlyEntry('POST', path, { body: { secret: mine, overlapSeconds: 60 } });
    hidden.push(secret, mine);
    expect(entry).toMatchObject({
      action: 'secret.rotated',
      partnerId: 'acme',
      subject: { type: 'secret', id: body.id },
      before: { subscriptionId: id, secrets: [{ algorithm: 'hmac-sha256', expiresAt: null }] },
      after: { subscriptionId: id, overlapSeconds: 60 },
    });
  });

  test('an API key: created and revoked; a publish key is the operator’s affair', async () => {
    const { entry, body } = await onlyEntry('POST', `${PARTNER}/api-keys`, { body: { name: 'x' }, key: own.key });
    hidden.push(body.key);
    const subject = { type: 'api_key', id: body.id };
    expect(entry).toMatchObject({ action: 'api_key.created', partnerId: 'acme', subject, after: { scope: 'partner' } });
    const revoked = await onlyEntry('DELETE', `${PARTNER}/api-keys/${body.id}`, { key: own.key });
    expect(revoked.entry).toMatchObject({ action: 'api_key.revoked', subject, before: { name: 'x' }, after: null });
    const publish = { name: 'p', scope: 'publish', partnerId: 'acme' };
    const theirs = await onlyEntry('POST', '/v1/api-keys', { body: publish });
    hidden.push(theirs.body.key);
    expect(theirs.entry).toMatchObject({ partnerId: null, after: publish });
  });

  test('a delivery: redelivered and canceled', async () => {
    const { id: subscriptionId } = await api.subscription('acme');
    const eventId = await putEvent(api.pool, 'acme');
    const id = publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId, state: 'exhausted' }));
    const path = `${PARTNER}/deliveries/${id}`;
    const { entry } = await onlyEntry('POST', `${path}/redeliver`, { key: own.key });
    expect(entry).toMatchObject({
      action: 'delivery.redelivered',
      partnerId: 'acme',
      subject: { type: 'delivery', id },
      before: { state: 'exhausted', nextAttemptAt: null, attemptCount: 1 },
      after: { state: 'pending', nextAttemptAt: expect.any(String) },
    });
    const canceled = await onlyEntry('POST', `${path}/cancel`);
    expect(canceled.entry).toMatchObject({ action: 'delivery.canceled', after: { state: 'canceled' } });
  });

  test('a subscription’s deliveries: tested, recovered, canceled all together', async () => {
    const { id: subscriptionId } = await api.subscription('acme');
    const path = `${SUBSCRIPTIONS}/${subscriptionId}`;
    const subject = { type: 'subscription', id: subscriptionId };
    const tested = await onlyEntry('POST', `${path}/test`, { key: own.key });
    const { deliveryId } = tested.body;
    const action = 'subscription.tested';
    expect(tested.entry).toMatchObject({ action, partnerId: 'acme', subject, after: { deliveryId } });
    for (let n = 0; n < 1_001; n += 1_000) {
      // more than one chunk
      await api.pool.query(
        `INSERT INTO deliveries (id, subscription_id, event_id, state, next_attempt_at, event_type)
         SELECT (substr(d.id::text, 1, 24) || lpad(to_hex(n + $2), 12, '0'))::uuid, subscription_id, event_id, state, now(), 'a'
         FROM deliveries d, generate_series(1, 1000) n WHERE d.id = $1`,
        [parsePublicId('dlv', deliveryId), n],
      );
    }
    const canceled = await onlyEntry('POST', `${path}/cancel-pending`, { key: own.key });
    expect(canceled.body.canceled).toBeGreaterThan(2_000);
    expect(canceled.entry).toMatchObject({ action: 'subscription.pending_canceled', partnerId: 'acme', subject });
    expect(await entriesOf(() => api.call('POST', `${path}/cancel-pending`))).toEqual([]); // nothing was left

    const since = new Date(Date.now() - 60_000).toISOString();
    const { body, entry } = await onlyEntry('POST', `${path}/recoveries`, { body: { since }, key: own.key });
    const recovery = { partnerId: 'acme', subject: { type: 'recovery', id: body.id } };
    expect(entry).toMatchObject({ action: 'recovery.created', ...recovery, after: { subscriptionId } });
    expect(await entriesOf(() => api.call('POST', `${path}/recoveries`, { body: { since } }))).toEqual([]); // one runs
    const ended = await onlyEntry('DELETE', `${path}/recoveries/${body.id}`);
    expect(ended.entry).toMatchObject({ action: 'recovery.canceled', ...recovery, after: { state: 'canceled' } });
  });

  test('dead letters: redriven, one or many, and discarded; the operator’s affair', async () => {
    const ids = [await putLetter(), await putLetter()] as const;
    const shown = ids.map((id) => publicId('dl', id));
    const many = await onlyEntry('POST', '/v1/dead-letters/redrive', { body: { ids: shown } });
    const after = { count: 2, selected: { ids: shown } };
    expect(many.entry).toMatchObject({ action: 'dead_letters.redriven', partnerId: null, after });
    expect(await entriesOf(() => api.call('POST', '/v1/dead-letters/redrive', { body: {} }))).toEqual([]); // in line already
    const by = { name: 'settings', requestId: null };
    const letter = { id: ids[0] as string, lastSeenAt: new Date() };
    const one = await entriesOf(() => askForRedrive(api.pool, letter.id, by));
    expect(one).toMatchObject([{ action: 'dead_letter.redriven', partnerId: null, subject: { id: shown[0] } }]);
    expect(await entriesOf(() => markRedriven(api.pool, letter))).toEqual([]); // whoever asked is on record
    const { entry } = await onlyEntry('DELETE', `/v1/dead-letters/${shown[1]}`);
    const before = { lane: 'live', reason: 'malformed', partnerId: 'acme' };
    expect(entry).toMatchObject({ action: 'dead_letter.discarded', partnerId: null, before, after: null });
    expect(await entriesOf(() => api.call('DELETE', `/v1/dead-letters/${shown[1]}`))).toEqual([]);
  });
});

describe('what did not happen leaves none', () => {
  test('refused and failed changes', async () => {
    const { id } = await api.subscription('acme');
    const eventId = await putEvent(api.pool, 'acme');
    const delivery = publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId: id }));
    const leased = await putDelivery(api.pool, {
      eventId: await putEvent(api.pool, 'acme'),
      subscriptionId: id,
      state: 'pending',
    });
    await api.pool.query(
      `UPDATE deliveries SET leased = true, next_attempt_at = now() + interval '25 s' WHERE id = $1`,
      [leased],
    );
    const rotate = `${SUBSCRIPTIONS}/${id}/secrets/rotate`;
    for (let n = 0; n < 4; n++) await api.call('POST', rotate);
    const calls: [string, string, object?][] = [
      ['POST', '/v1/partners', { id: 'acme', name: 'taken' }],
      ['PATCH', '/v1/partners/nobody', { name: 'x' }],
      ['DELETE', '/v1/partners/nobody'],
      ['POST', SUBSCRIPTIONS, { url: 'https://127.0.0.1/', eventTypes: ['*'] }],
      ['PATCH', `${SUBSCRIPTIONS}/${id}`, { headers: { 'x-token': '••••' } }],
      ['PATCH', `${SUBSCRIPTIONS}/sub_01h455vb4pex5vsknk084sn02q`, { enabled: false }],
      ['POST', rotate], // a sixth secret
      ['DELETE', `${PARTNER}/api-keys/key_01h455vb4pex5vsknk084sn02q`],
      ['POST', '/v1/api-keys', { name: 'x', scope: 'partner', partnerId: 'nobody' }],
      ['POST', `${PARTNER}/deliveries/${delivery}/cancel`],
      ['POST', `${PARTNER}/deliveries/${publicDelivery(leased)}/redeliver`],
    ];
    const entries = await entriesOf(async () => {
      for (const [method, path, body] of calls) {
        const { status } = await api.call(method, path, { body });
        expect(`${method} ${path} ${status}`).toMatch(/ 4\d\d$/);
      }
    });
    expect(entries).toEqual([]);
  });

  test('a change whose entry cannot be written is undone', async () => {
    const { id } = await api.subscription('acme');
    const eventId = await putEvent(api.pool, 'acme');
    const delivery = publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId: id, state: 'exhausted' }));
    const later = await putEvent(api.pool, 'acme');
    const due = publicDelivery(await putDelivery(api.pool, { eventId: later, subscriptionId: id, state: 'pending' }));
    const other = (await api.subscription('acme')).id;
    const missed = { since: new Date(Date.now() - 60_000).toISOString() };
    const recoveries = `${SUBSCRIPTIONS}/${other}/recoveries`;
    const recovery = (await api.call('POST', recoveries, { body: missed })).body.id;
    const letter = await putLetter();
    const state = async () => {
      const paths = [PARTNER, SUBSCRIPTIONS, `${PARTNER}/api-keys`, `${PARTNER}/deliveries`, `${PARTNER}/events`];
      const below = [`${SUBSCRIPTIONS}/${id}/secrets`, `${SUBSCRIPTIONS}/${id}/recoveries`, recoveries];
      const all = [...paths, ...below, '/v1/partners', `/v1/dead-letters/${publicId('dl', letter)}`];
      return Promise.all(all.map(async (path) => (await api.call('GET', path)).body));
    };
    const before = await state();
    expect(JSON.stringify(before)).not.toContain('about:blank'); // each is there
    await api.pool.query('ALTER TABLE audit ADD CONSTRAINT away CHECK (false) NOT VALID');
    for (const [method, path, body] of [
      ['POST', '/v1/partners', { id: 'never', name: 'x' }],
      ['PATCH', PARTNER, { name: 'x' }],
      ['DELETE', PARTNER, undefined],
      ['POST', SUBSCRIPTIONS, { url: 'https://example.com/', eventTypes: ['*'] }],
      ['PATCH', `${SUBSCRIPTIONS}/${id}`, { enabled: false }],
      ['DELETE', `${SUBSCRIPTIONS}/${id}`, undefined],
      ['POST', `${SUBSCRIPTIONS}/${id}/secrets/rotate`, {}],
      ['POST', `${PARTNER}/api-keys`, { name: 'x' }],
      ['DELETE', `${PARTNER}/api-keys/${own.id}`, undefined],
      ['POST', `${PARTNER}/deliveries/${delivery}/redeliver`, undefined],
      ['POST', `${PARTNER}/deliveries/${due}/cancel`, undefined],
      ['POST', `${SUBSCRIPTIONS}/${id}/cancel-pending`, undefined],
      ['POST', `${SUBSCRIPTIONS}/${id}/test`, undefined],
      ['POST', `${SUBSCRIPTIONS}/${id}/recoveries`, missed],
      ['DELETE', `${recoveries}/${recovery}`, undefined],
      ['POST', '/v1/dead-letters/redrive', { ids: [publicId('dl', letter)] }],
      ['DELETE', `/v1/dead-letters/${publicId('dl', letter)}`, undefined],
    ] as const) {
      expect(`${method} ${path} ${(await api.call(method, path, { body })).status}`).toBe(`${method} ${path} 500`);
    }
    await expect(askForRedrive(api.pool, letter, { name: 'settings', requestId: null })).rejects.toThrow('away');
    await api.pool.query('ALTER TABLE audit DROP CONSTRAINT away');
    expect(await state()).toEqual(before);
  });
});

test('it holds no secret, no key and no header value', async () => {
  const { rows } = await api.pool.query('SELECT json_agg(a)::text AS dump FROM audit a');
  const encodings = (text: string) => {
    const bytes = Buffer.from(text.replace(/^whsec_/, ''), 'base64');
    return [text, text.replace(/^\w+?_/, ''), bytes.toString('hex'), Buffer.from(text).toString('base64')];
  };
  expect(hidden.length).toBeGreaterThan(7);
  for (const text of hidden.flatMap(encodings)) expect(rows[0].dump).not.toContain(text);
});

test.each([`UPDATE audit SET actor = 'somebody else'`, 'DELETE FROM audit', 'TRUNCATE audit'])(
  'the database refuses %s',
  async (statement) => {
    const before = await trail();
    await expect(api.pool.query(statement)).rejects.toThrow('audit is append-only');
    expect(await trail()).toEqual(before);
  },
);

test('it is read by partner, action and time, page by page; a partner reads its own', async () => {
  await api.partner('rival');
  const all = await trail();
  expect((await trail('&partnerId=rival')).map(({ action }) => action)).toEqual(['api_key.created', 'partner.created']);
  const rotated = all.filter(({ action }) => action === 'secret.rotated');
  expect(await trail('&action=secret.rotated')).toEqual(rotated);
  const [newest] = all as [Entry & { at: string }];
  const later = new Date(Date.parse(newest.at) + 1).toISOString();
  expect(await trail(`&since=${later}`)).toEqual([]);
  expect(await trail(`&until=${later}`)).toEqual(all);

  const paged: unknown[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await api.call('GET', `/v1/audit?limit=7${cursor && `&cursor=${cursor}`}`);
    paged.push(...body.data);
    cursor = body.nextCursor;
  }
  expect(paged).toEqual(all);

  const theirs = (await api.call('GET', `${PARTNER}/audit?limit=250`, { key: own.key })).body.data;
  expect(theirs).toEqual(all.filter(({ partnerId }) => partnerId === 'acme'));
  expect(theirs.length).toBeGreaterThan(5);
  expect((await api.call('GET', '/v1/audit', { key: own.key })).status).toBe(403);
  expect((await api.call('GET', '/v1/audit?action=nothing')).status).toBe(422);
});
