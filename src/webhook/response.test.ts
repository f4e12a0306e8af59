import { describe, expect, it } from 'vitest';
import { bodyText, KEPT_BYTES, keptHeaders, ResponseReader } from './response.ts';

const read = (chunks: readonly Buffer[], complete = true) => {
  const reader = new ResponseReader(200, {});
  const wanted = chunks.map((chunk) => reader.add(chunk));
  return { ...reader.response(complete), wanted };
};

describe('a body', () => {
  it.each([
    ['none', [], '', false],
    ['one piece', ['hello'], 'hello', false],
    ['several pieces', ['he', 'l', 'lo'], 'hello', false],
    ['exactly 16 KiB', ['x'.repeat(KEPT_BYTES)], 'x'.repeat(KEPT_BYTES), false],
    ['one byte more', ['x'.repeat(KEPT_BYTES), 'y'], 'x'.repeat(KEPT_BYTES), true],
    ['NUL', ['a\0b'], 'a\ufffdb', false],
    ['a byte order mark', ['\ufeffhello'], '\ufeffhello', false],
  ])('of %s', (_what, chunks, body, bodyTruncated) => {
    expect(read(chunks.map((chunk) => Buffer.from(chunk)))).toMatchObject({ body, bodyTruncated });
  });

  it('is joined before it is decoded', () => {
    const bytes = Buffer.from('🚲');
    expect(read([bytes.subarray(0, 1), bytes.subarray(1, 3), bytes.subarray(3)]).body).toBe('🚲');
  });

  it.each(['é', '€', '🚲'])('is never cut within %s', (character) => {
    for (let shift = 0; shift < 4; shift++) {
      const { body } = read([Buffer.from('x'.repeat(shift) + character.repeat(KEPT_BYTES))]);
      expect(body.isWellFormed()).toBe(true);
      expect(body).toMatch(new RegExp(`^x*(${character})+$`, 'u'));
      expect(Buffer.byteLength(body)).toBeGreaterThan(KEPT_BYTES - 4);
    }
  });

  it('that is no UTF-8 becomes a valid string', () => {
    const text = bodyText(Buffer.from([0xff, 0xed, 0xa0, 0x80, 0x41, 0xf0, 0x9f]), false);
    expect(text.isWellFormed()).toBe(true);
    expect(text).toContain('A');
    expect(bodyText(Buffer.from([0x41, 0xf0, 0x9f]), true)).toBe('A');
    expect(bodyText(Buffer.from([0x80, 0x80, 0x80, 0x80, 0x80]), true).isWellFormed()).toBe(true);
  });

  it('is not worth reading beyond 256 KiB', () => {
    const { wanted } = read(Array.from({ length: 17 }, () => Buffer.alloc(16_384, 'x')));
    expect(wanted).toEqual([...Array<boolean>(16).fill(true), false]);
  });

  it('that did not come to its end is truncated', () => {
    expect(read([Buffer.from('half')], false)).toMatchObject({ body: 'half', bodyTruncated: true });
  });
});

describe('headers', () => {
  it('of the connection are dropped, repeated ones joined', () => {
    const given = {
      connection: 'close',
      'transfer-encoding': 'chunked',
      'x-a': ['1', '2'],
      'content-type': 'text/plain',
    };
    expect(keptHeaders(given)).toEqual({ 'x-a': '1, 2', 'content-type': 'text/plain' });
  });

  it('are kept whole, up to 16 KiB together', () => {
    const kept = keptHeaders({ a: 'x'.repeat(10_000), b: 'x'.repeat(10_000), c: 'x'.repeat(6000) });
    expect(Object.keys(kept)).toEqual(['a', 'c']);
  });
});
