import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rawElements, rawMember } from './raw-json.ts';

describe('rawMember', () => {
  it.each([
    ['{"data":{"n":12345678901234567890}}', '{"n":12345678901234567890}'],
    ['{ "a" : [1,{"data":2}] , "data" : {"z":1,"a":2,"10":3,"9":4} }', '{"z":1,"a":2,"10":3,"9":4}'],
    ['{"data":"a \\" } ] , \\\\"}', '"a \\" } ] , \\\\"'],
    ['{"data":1.0e-10}', '1.0e-10'],
    ['{"data":-0\n}', '-0'],
    ['{"data":null}', 'null'],
    ['{"data":"\u2028🚀"}', '"\u2028🚀"'],
    ['{"data":[ ]}', '[ ]'],
    ['{"data":1,"data":2}', '2'],
    ['{"d\\u0061ta":7}', '7'],
    ['{"data":"\\ud83d"}', '"\\ud83d"'],
  ])('takes the value of %s as it is written', (json, expected) => {
    expect(rawMember(json, 'data')).toBe(expected);
  });

  it('is undefined where there is no such member', () => {
    expect(rawMember('{"dat":1,"data2":2,"x":{"data":3}}', 'data')).toBeUndefined();
    expect(rawMember('{}', 'data')).toBeUndefined();
    expect(rawMember(' { } ', 'data')).toBeUndefined();
  });

  it('finds what JSON.parse finds, in any document with any white space', () => {
    const document = fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 6, noNullPrototype: true });
    fc.assert(
      fc.property(document, fc.jsonValue(), fc.constantFrom('', ' ', '\n\t'), (around, data, indent) => {
        const json = JSON.stringify({ ...around, data, last: [data] }, null, indent);
        const raw = rawMember(json, 'data') as string;
        expect(json).toContain(raw);
        expect(JSON.parse(raw)).toEqual(JSON.parse(json).data);
      }),
    );
  });
});

describe('rawElements', () => {
  it('takes each element as it is written', () => {
    expect(rawElements('[ 1, "a,]" ,{"b":[2 ]},null]')).toEqual(['1', '"a,]"', '{"b":[2 ]}', 'null']);
    expect(rawElements('[]')).toEqual([]);
    expect(rawElements(' [ ] ')).toEqual([]);
  });

  it('finds what JSON.parse finds', () => {
    fc.assert(
      fc.property(fc.array(fc.jsonValue()), fc.constantFrom('', '  '), (values, indent) => {
        const json = JSON.stringify(values, null, indent);
        expect(rawElements(json).map((raw) => JSON.parse(raw))).toEqual(JSON.parse(json));
      }),
    );
  });
});
