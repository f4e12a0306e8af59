import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  findFault,
  hasOnlyAllowedCharacters,
  MAX_MESSAGE_BYTES,
  messageBytes,
  type OutgoingMessage,
} from './message.ts';

const message = (change: Partial<OutgoingMessage> = {}): OutgoingMessage => ({
  body: '{}',
  groupId: 'acme',
  attributes: { lane: 'live' },
  ...change,
});
const reason = (change: Partial<OutgoingMessage>) => {
  const changed = message(change);
  return findFault(changed, messageBytes(changed))?.reason;
};

/** What AWS documents as allowed, written down the slow way. */
const ALLOWED = /^[\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]*$/u;

describe('message', () => {
  it('counts the UTF-8 body, and name, type and value of each attribute', () => {
    expect(messageBytes(message({ body: 'ü€\u{1F600}', attributes: { lane: 'bülk' } }))).toBe(9 + 4 + 6 + 5);
  });

  it('allows the characters that SQS documents, and no others', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(fc.integer({ min: 0, max: 0xffff })).map((units) => String.fromCharCode(...units)),
    );
    fc.assert(fc.property(text, (sample) => hasOnlyAllowedCharacters(sample) === ALLOWED.test(sample)));
    for (let unit = 0; unit <= 0xffff; unit++) {
      const sample = String.fromCharCode(unit);
      expect(hasOnlyAllowedCharacters(sample)).toBe(ALLOWED.test(sample));
    }
  });

  it('finds what SNS or SQS would refuse', () => {
    expect(reason({})).toBeUndefined();
    expect(reason({ body: 'x'.repeat(MAX_MESSAGE_BYTES) })).toBe('too_large');
    expect(reason({ body: '' })).toBe('rejected');
    expect(reason({ body: '\u0000' })).toBe('invalid_characters');
    expect(reason({ groupId: '' })).toBe('rejected');
    expect(reason({ groupId: 'a b' })).toBe('rejected');
    expect(reason({ groupId: 'x'.repeat(129) })).toBe('rejected');
    expect(reason({ attributes: { lane: '' } })).toBe('rejected');
    expect(reason({ attributes: { lane: '\u0001' } })).toBe('invalid_characters');
    expect(reason({ attributes: { 'AWS.x': '1' } })).toBe('rejected');
    expect(reason({ attributes: { 'trailing.': '1' } })).toBe('rejected');
    expect(reason({ attributes: { 'a b': '1' } })).toBe('rejected');
    const eleven = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`a${i}`, '1']));
    expect(reason({ attributes: eleven })).toBe('rejected');
  });
});
