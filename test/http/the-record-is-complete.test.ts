import { afterAll, beforeAll, expect, test } from 'vitest';
import { deliveryId } from '../../src/domain/ids.ts';
import { putDelivery, putEvent } from './records.ts';
import { publicDelivery, publicEvent, startApi, type TestApi } from './support.ts';

let api: TestApi;
let subscriptionId: string;

beforeAll(async () => {
  api = await startApi();
  await api.partner('acme');
  subscriptionId = (await api.subscription('acme')).id;
});
afterAll(() => api.close());

test('a delivery shows every attempt, with request, answer and timing', async () => {
  const eventId = await putEvent(api.pool, 'acme');
  const id = await putDelivery(api.pool, { eventId, subscriptionId, state: 'exhausted', attempts: 3 });
  const { body } = await api.call('GET', `/v1/partners/acme/deliveries/${publicDelivery(id)}`);
  const attempt = (number: number) => ({
    number,
    trigger: 'automatic',
    startedAt: '2026-01-31T12:00:00.250Z',
    durationMs: 12.5,
    outcome: 'http_error',
    error: 'the answer was 503',
    timing: { dnsMs: 1, connectMs: 2, tlsMs: 3, firstByteMs: 10, reusedConnection: false },
    request: {
      url: 'https://example.com/hooks',
      headers: {
        authorization: '(not kept)',
        'content-type': 'application/json',
        'webhook-id': publicEvent(eventId),
        'webhook-timestamp': '1769860800',
        'webhook-signature': 'v1,abc',
        'postrider-delivery': publicDelivery(id),
        'postrider-attempt': String(number),
      },
    },
    response: { statusCode: 503, headers: { b: '1', a: '2' }, body: 'busy', bodyTruncated: false },
  });
  expect(body).toEqual({
    id: publicDelivery(id),
    partnerId: 'acme',
    subscriptionId,
    eventId: publicEvent(eventId),
    eventType: 'order.created',
    state: 'exhausted',
    attemptCount: 3,
    createdAt: expect.stringMatching(/^20\d\d-.*Z$/),
    nextAttemptAt: null,
    finishedAt: expect.stringMatching(/^20\d\d-.*Z$/),
    lastAttempt: attempt(3),
    attempts: [attempt(1), attempt(2), attempt(3)],
  });
});

test('an attempt without an answer, and a delivery without an attempt', async () => {
  const eventId = await putEvent(api.pool, 'acme');
  const id = await putDelivery(api.pool, { eventId, subscriptionId, state: 'pending', attempts: 0 });
  const path = `/v1/partners/acme/deliveries/${publicDelivery(id)}`;
  expect((await api.call('GET', path)).body).toMatchObject({ lastAttempt: null, attempts: [], finishedAt: null });
  await api.pool.query(
    `INSERT INTO attempts (delivery_id, started_at, number, duration_ms, trigger, outcome, reused, url, signature, error)
     VALUES ($1, now(), 1, 3, 'manual', 'dns_failed', false, 'https://x.example/', 'v1,x', 'no such host')`,
    [id],
  );
  await api.pool.query('UPDATE deliveries SET attempt_count = 1 WHERE id = $1', [id]);
  const { lastAttempt } = (await api.call('GET', path)).body;
  expect(lastAttempt).toMatchObject({ outcome: 'dns_failed', response: null, timing: { dnsMs: null } });
});

test('an event shows its deliveries, what passed it by, and its data byte for byte', async () => {
  const data = '{"big": 12345678901234567890.10,  "b":1,"a":"\\u00e9 👋 \\u0000","a":2}';
  const eventId = await putEvent(api.pool, 'acme', { data });
  const skipped = [{ subscriptionId: crypto.randomUUID(), reason: 'disabled' }, { more: 900 }];
  await api.pool.query('UPDATE events SET skipped = $2 WHERE id = $1', [eventId, JSON.stringify(skipped)]);
  await putDelivery(api.pool, { eventId, subscriptionId });
  const { text, body, headers } = await api.call('GET', `/v1/partners/acme/events/${publicEvent(eventId)}`);
  expect(headers['content-type']).toContain('application/json');
  expect(text).toContain(`"data":${data}}`);
  expect(body).toMatchObject({
    id: publicEvent(eventId),
    type: 'order.created',
    timestamp: body.createdAt,
    deliveries: [{ subscriptionId, eventId: publicEvent(eventId), lastAttempt: { number: 1 } }],
    deliveriesNextCursor: null,
    skipped: [{ subscriptionId: expect.stringMatching(/^sub_/), reason: 'disabled' }],
    skippedCount: 901,
    unmatchedReason: null,
  });
});

test('an event with thousands of deliveries shows the first 250 and where the rest is', async () => {
  await api.partner('wide');
  const eventId = await putEvent(api.pool, 'wide');
  const { rows } = await api.pool.query<{ id: string }>(
    `INSERT INTO subscriptions (id, partner_id, url, event_types)
     SELECT gen_random_uuid(), 'wide', 'https://example.com/', '{*}' FROM generate_series(1, 600) RETURNING id`,
  );
  const subscriptions = rows.map(({ id }) => id);
  const ids = subscriptions.map((id) => deliveryId(eventId, id));
  await api.pool.query(
    `INSERT INTO deliveries (id, subscription_id, event_id, state, event_type, attempt_count, finished_at)
     SELECT d, s, $3, 'succeeded', 'order.created', 0, now() FROM unnest($1::uuid[], $2::uuid[]) AS i (d, s)`,
    [ids, subscriptions, eventId],
  );
  // Passed by at first, and reached when it came again: on no page here.
  const oldest = subscriptions[ids.indexOf(ids.toSorted()[0] as string)];
  const skipped = JSON.stringify([{ subscriptionId: oldest, reason: 'disabled' }]);
  await api.pool.query('UPDATE events SET skipped = $2 WHERE id = $1', [eventId, skipped]);
  const { body } = await api.call('GET', `/v1/partners/wide/events/${publicEvent(eventId)}`);
  expect(body).toMatchObject({ skipped: [], unmatchedReason: null });
  const rest = `/v1/partners/wide/deliveries?eventId=${publicEvent(eventId)}&limit=250&cursor=`;
  const second = (await api.call('GET', `${rest}${body.deliveriesNextCursor}`)).body;
  const third = (await api.call('GET', `${rest}${second.nextCursor}`)).body;
  expect([body.deliveries.length, second.data.length, third.data.length]).toEqual([250, 250, 100]);
  const all = [...body.deliveries, ...second.data, ...third.data].map(({ id }) => id);
  expect(all).toEqual(ids.map(publicDelivery).toSorted().reverse());
  expect(third.nextCursor).toBeNull();
});

test('redeliver and cancel, and what stands against them', async () => {
  const eventId = await putEvent(api.pool, 'acme');
  const other = (await api.subscription('acme')).id;
  const path = `/v1/partners/acme/deliveries/${publicDelivery(await putDelivery(api.pool, { eventId, subscriptionId: other }))}`;
  const post = (action: string) => api.call('POST', `${path}/${action}`);
  expect(await post('cancel')).toMatchObject({ status: 409, body: { code: 'not_pending' } });
  expect(await post('redeliver')).toMatchObject({ status: 202, body: { state: 'pending', finishedAt: null } });
  expect(await post('cancel')).toMatchObject({ status: 200, body: { state: 'canceled', nextAttemptAt: null } });
  const lease = `UPDATE deliveries SET state = 'pending', leased = true, next_attempt_at = now() + interval '25 s', finished_at = NULL
    WHERE event_id = $1`;
  await api.pool.query(lease, [eventId]);
  const inProgress = { status: 409, body: { code: 'in_progress' } };
  expect(await post('redeliver')).toMatchObject(inProgress);
  expect(await post('cancel')).toMatchObject({ status: 200 });
  expect(await post('redeliver')).toMatchObject(inProgress);
  await api.call('PATCH', `/v1/partners/acme/subscriptions/${other}`, { body: { enabled: false } });
  expect(await post('redeliver')).toMatchObject({ status: 409, body: { code: 'subscription_disabled' } });
  await api.call('DELETE', `/v1/partners/acme/subscriptions/${other}`);
  expect(await post('redeliver')).toMatchObject({ status: 409, body: { code: 'subscription_deleted' } });
});

test('dead letters are listed with body and reason', async () => {
  await api.pool.query(
    `INSERT INTO dead_letters (id, lane, reason, detail, body, attributes, receive_count)
     VALUES ($1, 'live', 'malformed', 'the message is not a JSON object', 'hello', '{"a":"b"}', 2)`,
    [crypto.randomUUID()],
  );
  const { body } = await api.call('GET', '/v1/dead-letters');
  expect(body.data).toMatchObject([
    {
      id: expect.stringMatching(/^dl_/),
      reason: 'malformed',
      body: 'hello',
      attributes: { a: 'b' },
      partnerId: null,
      receiveCount: 2,
    },
  ]);
});
