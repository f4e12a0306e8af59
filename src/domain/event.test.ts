import { describe, expect, it } from 'vitest';
import { decodeEnvelope, encodeEnvelope, isTimestamp, webhookBody } from './event.ts';
import { newId, publicId, timeOfId } from './ids.ts';

const now = new Date();
const message = { id: '5fea7756-0ea4-451a-a703-a558b933e274', sentAt: now };
const decode = (body: string) => decodeEnvelope(body, message, now);

describe('an envelope', () => {
  it('comes back as it was, byte for byte', () => {
    const id = newId();
    const data = '{ "n": 12345678901234567890,"é":"🚀\u2028", "a":1.0 }';
    const event = { id, partnerId: 'acme', type: 'order.created', timestamp: '2026-01-01T00:00:00+02:00', data };
    expect(decode(encodeEnvelope(event))).toEqual({ ok: true, event });
    expect(webhookBody(event)).toBe(`{"type":"order.created","timestamp":"2026-01-01T00:00:00+02:00","data":${data}}`);
  });

  it('of a direct producer needs neither id nor timestamp, and gives the same event when received again', () => {
    const body = '{"data":1,"type":"a","partnerId":"acme"}';
    const first = decode(body);
    expect(first).toEqual(decode(body));
    expect(first.ok && timeOfId(first.event.id)).toEqual(now);
    expect(first.ok && first.event.timestamp).toBe(now.toISOString());
  });

  it.each([
    ['not json', 'not a JSON object'],
    ['[]', 'not a JSON object'],
    ['null', 'not a JSON object'],
    ['{"partnerId":"a b","type":"x","data":1}', 'partnerId'],
    ['{"type":"x","data":1}', 'partnerId'],
    ['{"partnerId":"acme","data":1}', 'type'],
    ['{"partnerId":"acme","type":"a..b","data":1}', 'type'],
    ['{"partnerId":"acme","type":"a\\u0000","data":1}', 'type'],
    ['{"partnerId":"acme","type":"x"}', 'data'],
    ['{"partnerId":"acme","type":"x","data":1,"timestamp":"yesterday"}', 'timestamp'],
    ['{"partnerId":"acme","type":"x","data":1,"id":"42"}', 'id'],
    [
      `{"partnerId":"acme","type":"x","data":1,"id":"${publicId('evt', '00000000-0000-7000-8000-000000000000')}"}`,
      'id',
    ],
  ])('%s is refused with what to change', (body, mention) => {
    const decoded = decode(body);
    expect(decoded.ok).toBe(false);
    expect(!decoded.ok && decoded.detail).toContain(mention);
  });
});

/** Years 1 to 9999 in UTC, whatever the offset. */
const EDGES = ['0001-01-01T00:00:00Z', '0000-12-31T23:00:00-01:00', '9999-12-31T23:59:59.999Z'];
const BEYOND = ['0000-01-01T00:00:00Z', '0001-01-01T00:00:00+01:00', '9999-12-31T23:59:59-12:00'];

describe('isTimestamp', () => {
  it.each(['2026-02-28T23:59:59Z', '2026-02-28T23:59:59.123456789+05:30', ...EDGES])('takes %s', (text) => {
    expect(isTimestamp(text)).toBe(true);
  });
  it.each(['2026-02-28', '2026-13-01T00:00:00Z', '2026-02-28T23:59:59', '1772323199', '', ...BEYOND])(
    'refuses %s',
    (text) => {
      expect(isTimestamp(text)).toBe(false);
    },
  );
});
