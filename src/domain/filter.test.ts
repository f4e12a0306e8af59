import { describe, expect, it } from 'vitest';
import { compileFilter, type Filter } from './filter.ts';

function compiled(policy: unknown): Filter {
  const result = compileFilter(policy);
  if (!result.ok) throw new Error(JSON.stringify(result.faults));
  return result.filter;
}

function faultsOf(policy: unknown): string[] {
  const result = compileFilter(policy);
  return result.ok ? [] : result.faults.map(({ path }) => path);
}

// What each operator matches is in test/filter-table.ts, side by side with SNS.
describe('a filter that is none', () => {
  it.each([
    [[], ''],
    ['x', ''],
    [null, ''],
    [{ a: 'x' }, '/a'],
    [{ a: {} }, '/a'],
    [{ a: [] }, '/a'],
    [{ a: null }, '/a'],
    [{ a: [['x']] }, '/a/0'],
    [{ a: ['x', {}] }, '/a/1'],
    [{ a: [{ prefix: 'x', suffix: 'y' }] }, '/a/0'],
    [{ a: [{ unknown: 1 }] }, '/a/0'],
    [{ a: [{ toString: 1 }] }, '/a/0'],
    [{ a: { prefix: 'x' } }, '/a/prefix'],
    [{ a: [{ prefix: 1 }] }, '/a/0/prefix'],
    [{ a: [{ suffix: '' }] }, '/a/0/suffix'],
    [{ a: [{ 'equals-ignore-case': null }] }, '/a/0/equals-ignore-case'],
    [{ a: [{ exists: 'true' }] }, '/a/0/exists'],
    [{ a: [{ wildcard: '*a*b*c*' }] }, '/a/0/wildcard'],
    [{ a: [{ cidr: '10.0.0.0/33' }] }, '/a/0/cidr'],
    [{ a: [{ cidr: '10.0.0/8' }] }, '/a/0/cidr'],
    [{ a: [{ cidr: 'x/8' }] }, '/a/0/cidr'],
    [{ a: [{ numeric: [] }] }, '/a/0/numeric'],
    [{ a: [{ numeric: ['>'] }] }, '/a/0/numeric'],
    [{ a: [{ numeric: ['==', 1] }] }, '/a/0/numeric/0'],
    [{ a: [{ numeric: ['=', '1'] }] }, '/a/0/numeric/1'],
    [{ a: [{ numeric: ['<', 9, '>', 1] }] }, '/a/0/numeric/0'],
    [{ a: [{ numeric: ['>', 1, '>', 9] }] }, '/a/0/numeric/2'],
    [{ a: [{ numeric: ['>', 9, '<', 9] }] }, '/a/0/numeric/3'],
    [{ a: [{ numeric: ['>', 1e9 + 1] }] }, '/a/0/numeric/1'],
    [{ a: [12345678901234567890n].map(Number) }, '/a/0'],
    [{ a: [0.000001] }, '/a/0'],
    [{ a: [{ 'anything-but': [] }] }, '/a/0/anything-but'],
    [{ a: [{ 'anything-but': ['x', ['y']] }] }, '/a/0/anything-but/1'],
    [{ a: [{ 'anything-but': { numeric: ['=', 1] } }] }, '/a/0/anything-but'],
    [{ a: [{ 'anything-but': { prefix: 1 } }] }, '/a/0/anything-but/prefix'],
    [{ $or: [{ a: ['x'] }, {}] }, '/$or/1'],
    [{ $or: [{ a: ['x'] }, { b: 'y' }] }, '/$or/1/b'],
    [{ 'a/b~c': { d: 'x' } }, '/a~1b~0c/d'],
    [JSON.parse('{"a":{"__proto__":["x"]}}'), '/a/__proto__'],
  ])('%j: the fault is at %s', (policy, path) => expect(faultsOf(policy)).toEqual([path]));

  it('has all its faults named', () => {
    expect(faultsOf({ a: 'x', b: [{ cidr: 'x' }, [1]] })).toEqual(['/a', '/b/0/cidr', '/b/1']);
  });
});

describe('the limits are those of Amazon SNS', () => {
  const values = (count: number) => Array.from({ length: count }, (_, n) => n);

  it('five keys with conditions, however deep, those of $or included', () => {
    expect(faultsOf({ a: { b: [1], c: [1] }, d: [1], e: [1], f: [1] })).toEqual([]);
    expect(faultsOf({ a: { b: [1], c: [1] }, d: [1], e: [1], $or: [{ f: [1] }, { g: [1] }] })).toEqual(['']);
  });

  it('150 combinations: each key’s conditions times its level, multiplied; $or adds up', () => {
    // The documentation's own example: 4 × 3 and 3 × 2 make 72.
    expect(faultsOf({ a: { b: { c: values(4) } }, d: { e: values(3) } })).toEqual([]);
    expect(faultsOf({ a: values(150) })).toEqual([]);
    expect(faultsOf({ a: values(151) })).toEqual(['']);
    expect(faultsOf({ a: { b: values(75) } })).toEqual([]);
    expect(faultsOf({ a: { b: values(76) } })).toEqual(['']);
    expect(faultsOf({ $or: [{ a: values(75) }, { b: values(75) }] })).toEqual([]);
    expect(faultsOf({ $or: [{ a: values(75) }, { b: values(76) }] })).toEqual(['']);
  });

  it('256 KiB', () => {
    expect(faultsOf({ a: ['x'.repeat(256 * 1024 - 10)] })).toEqual([]);
    expect(faultsOf({ a: ['x'.repeat(256 * 1024 - 9)] })).toEqual(['']);
  });

  it('100 points of wildcards', () => {
    expect(faultsOf({ a: values(10).map((n) => ({ wildcard: `*${n}` })) })).toEqual([]);
    expect(faultsOf({ a: values(11).map((n) => ({ wildcard: `*${n}` })) })).toEqual(['']);
  });

  it('32 levels', () => {
    expect(faultsOf({ [Array(32).fill('a').join('.')]: [1] })).toEqual([]);
    expect(faultsOf({ [Array(33).fill('a').join('.')]: [1] })).toHaveLength(1);
  });
});

describe('odd events', () => {
  it('keys that every object inherits are not there', () => {
    const filter = compiled({ constructor: [{ exists: false }] });
    expect(filter.matches({})).toBe(true);
    expect(filter.matches(JSON.parse('{"constructor":1}'))).toBe(false);
    expect(compiled({ a: { b: [1] } }).matches(JSON.parse('{"__proto__":{"a":{"b":1}}}'))).toBe(false);
  });

  it('arrays nested a hundred thousand deep are looked through', () => {
    const deep = JSON.parse(`{"a":${'['.repeat(100_000)}"x"${']'.repeat(100_000)}}`);
    expect(compiled({ a: ['x'] }).matches(deep)).toBe(true);
    expect(compiled({ a: ['y'] }).explain(deep)?.path).toBe('/a');
  });

  it('a body that is no object matches nothing but absence', () => {
    for (const body of [null, 1, 'x', [], ['x']]) {
      expect(compiled({ a: [{ exists: true }] }).matches(body)).toBe(false);
      expect(compiled({ a: [{ exists: false }] }).matches(body)).toBe(true);
    }
  });
});

describe('the explanation', () => {
  const filter = compiled({
    type: ['order.created'],
    data: { total: [{ numeric: ['>', 100] }], $or: [{ eu: [true] }, { vip: [{ exists: true }] }] },
  });

  it('is none when it matches', () => {
    expect(filter.explain({ type: 'order.created', data: { total: 101, vip: false } })).toBeNull();
  });

  it.each([
    [{ type: 'order.paid' }, '/type', '"order.paid"'],
    [{ type: 'order.created', data: {} }, '/data/total', 'no value'],
    [{ type: 'order.created', data: { total: [1, 2] } }, '/data/total', '[1,2]'],
    [{ type: 'order.created', data: { total: 101 } }, '/data/$or', '/data/$or/0/eu, /data/$or/1/vip'],
  ])('%j fails at %s', (body, path, words) => {
    const miss = filter.explain(body);
    expect(miss?.path).toBe(path);
    expect(miss?.message).toContain(words);
  });
});
