/** A filter policy, the bodies it takes, and those it does not. */
export interface FilterCase {
  readonly policy: object;
  readonly takes: readonly string[];
  readonly refuses: readonly string[];
  /** Bodies on which the emulator answers otherwise than AWS documents it; we follow AWS. */
  readonly emulatorDiffers?: Readonly<Record<string, string>>;
}

const NO_ARRAYS = 'the emulator looks into no arrays; in AWS any element may match';
const TYPELESS = 'the emulator compares texts; in AWS strings, numbers and true or false are different values';
const NULLS = 'the emulator takes null for absence; in AWS null is a value';
const FLAT_OR = 'the emulator knows $or at the top only, and with its other keys flat; AWS takes it at every level';

/** Each operator of Amazon SNS, at its edges. */
export const FILTER_CASES: readonly FilterCase[] = [
  // Exact values
  { policy: { a: ['x'] }, takes: ['{"a":"x"}', '{"b":1,"a":"x"}'], refuses: ['{"a":"X"}', '{"a":"xx"}', '{"b":"x"}'] },
  { policy: { a: ['x', 'y'] }, takes: ['{"a":"x"}', '{"a":"y"}'], refuses: ['{"a":"z"}', '{}'] },
  { policy: { a: [''] }, takes: ['{"a":""}'], refuses: ['{"a":" "}', '{}'] },
  {
    policy: { a: ['ünï 🚀'] },
    takes: ['{"a":"ünï 🚀"}', '{"a":"\\u00fcn\\u00ef \\ud83d\\ude80"}'],
    refuses: ['{"a":"uni"}'],
  },
  {
    policy: { a: [100] },
    takes: ['{"a":100}', '{"a":100.0}', '{"a":1e2}'],
    refuses: ['{"a":101}', '{"a":"100"}', '{"a":100.00001}'],
    emulatorDiffers: { '{"a":"100"}': TYPELESS },
  },
  {
    policy: { a: ['100'] },
    takes: ['{"a":"100"}'],
    refuses: ['{"a":100}'],
    emulatorDiffers: { '{"a":100}': TYPELESS },
  },
  {
    policy: { a: [true] },
    takes: ['{"a":true}'],
    refuses: ['{"a":false}', '{"a":"true"}', '{"a":1}', '{}'],
    emulatorDiffers: { '{"a":"true"}': TYPELESS },
  },
  {
    policy: { a: [false] },
    takes: ['{"a":false}'],
    refuses: ['{"a":true}', '{"a":null}', '{"a":"false"}'],
    emulatorDiffers: { '{"a":"false"}': TYPELESS },
  },
  {
    policy: { a: [null] },
    takes: ['{"a":null}'],
    refuses: ['{"a":"null"}', '{"a":0}', '{}'],
    emulatorDiffers: { '{}': NULLS },
  },
  // Prefix, suffix, wildcard, ignoring case
  {
    policy: { a: [{ prefix: 'eu-' }] },
    takes: ['{"a":"eu-west"}', '{"a":"eu-"}'],
    refuses: ['{"a":"us-east"}', '{"a":"EU-west"}', '{"a":null}', '{}'],
  },
  {
    policy: { a: [{ prefix: '1' }] },
    takes: ['{"a":"12"}'],
    refuses: ['{"a":12}'],
    emulatorDiffers: { '{"a":12}': TYPELESS },
  },
  { policy: { a: [{ suffix: '.png' }] }, takes: ['{"a":"x.png"}'], refuses: ['{"a":"x.PNG"}', '{"a":"x.png "}', '{}'] },
  {
    policy: { a: [{ 'equals-ignore-case': 'Order' }] },
    takes: ['{"a":"ORDER"}', '{"a":"order"}'],
    refuses: ['{"a":"orders"}', '{"a":true}', '{}'],
  },
  {
    policy: { a: [{ wildcard: '*.eu-*-1' }] },
    takes: ['{"a":"sqs.eu-west-1"}', '{"a":".eu--1"}'],
    refuses: ['{"a":"sqs.eu-west-2"}', '{"a":".eu-1"}', '{}'],
  },
  { policy: { a: [{ wildcard: 'a*a' }] }, takes: ['{"a":"aa"}', '{"a":"aba"}'], refuses: ['{"a":"a"}', '{"a":"ab"}'] },
  { policy: { a: [{ wildcard: 'a.b' }] }, takes: ['{"a":"a.b"}'], refuses: ['{"a":"axb"}'] },
  // Anything but
  {
    policy: { a: [{ 'anything-but': 'x' }] },
    takes: ['{"a":"y"}', '{"a":5}', '{"a":true}', '{"a":null}'],
    refuses: ['{"a":"x"}', '{}'],
    emulatorDiffers: { '{"a":null}': NULLS },
  },
  {
    policy: { a: [{ 'anything-but': ['x', 'y'] }] },
    takes: ['{"a":"z"}', '{"a":"X"}'],
    refuses: ['{"a":"x"}', '{"a":"y"}'],
  },
  { policy: { a: [{ 'anything-but': 100 }] }, takes: ['{"a":101}'], refuses: ['{"a":100}', '{"a":1e2}', '{}'] },
  {
    policy: { a: [{ 'anything-but': [100, 500] }] },
    takes: ['{"a":101}', '{"a":"100"}', '{"a":12345678901234567890}'],
    refuses: ['{"a":500}', '{"a":100.0}'],
    emulatorDiffers: { '{"a":"100"}': TYPELESS },
  },
  {
    policy: { a: [{ 'anything-but': { prefix: 'order-' } }] },
    takes: ['{"a":"invoice-1"}', '{"a":7}'],
    refuses: ['{"a":"order-1"}', '{}'],
  },
  {
    policy: { a: [{ 'anything-but': { suffix: '.tmp' } }] },
    takes: ['{"a":"x.txt"}'],
    refuses: ['{"a":"x.tmp"}', '{}'],
  },
  { policy: { a: [{ 'anything-but': { wildcard: 'a*c' } }] }, takes: ['{"a":"abd"}'], refuses: ['{"a":"abc"}', '{}'] },
  // Numbers
  {
    policy: { a: [{ numeric: ['=', 301.5] }] },
    takes: ['{"a":301.5}', '{"a":3.015e2}'],
    refuses: ['{"a":301.50001}', '{}'],
  },
  { policy: { a: [{ numeric: ['<', 0] }] }, takes: ['{"a":-0.00001}'], refuses: ['{"a":0}', '{"a":-0}', '{"a":null}'] },
  { policy: { a: [{ numeric: ['<=', 0] }] }, takes: ['{"a":0}', '{"a":-1}'], refuses: ['{"a":0.00001}'] },
  {
    policy: { a: [{ numeric: ['>', 100] }] },
    takes: ['{"a":100.00001}', '{"a":12345678901234567890}'],
    refuses: ['{"a":100}', '{"a":"101"}', '{"a":-12345678901234567890}', '{"a":true}'],
    emulatorDiffers: { '{"a":"101"}': TYPELESS },
  },
  { policy: { a: [{ numeric: ['>=', 100] }] }, takes: ['{"a":100}'], refuses: ['{"a":99.99999}'] },
  {
    policy: { a: [{ numeric: ['>', 0, '<=', 150] }] },
    takes: ['{"a":0.1}', '{"a":150}'],
    refuses: ['{"a":0}', '{"a":150.1}', '{}'],
  },
  {
    policy: { a: [{ numeric: ['<', 1] }, { numeric: ['>', 9] }] },
    takes: ['{"a":0}', '{"a":10}'],
    refuses: ['{"a":5}'],
  },
  {
    policy: { a: ['n/a', { numeric: ['>', 9] }] },
    takes: ['{"a":"n/a"}', '{"a":10}'],
    refuses: ['{"a":9}', '{"a":"x"}'],
  },
  // Being there
  {
    policy: { a: [{ exists: true }] },
    takes: ['{"a":""}', '{"a":0}', '{"a":false}', '{"a":null}'],
    refuses: ['{"b":1}', '{}', '{"a":{"b":1}}'],
    emulatorDiffers: { '{"a":null}': NULLS },
  },
  {
    policy: { a: [{ exists: false }] },
    takes: ['{"b":1}', '{"a":{"b":1}}', '{}'],
    refuses: ['{"a":""}', '{"a":null,"b":1}'],
    emulatorDiffers: {
      '{"a":null,"b":1}': NULLS,
      '{}': 'the emulator wants some property to be there, as AWS does of attributes only',
    },
  },
  { policy: { a: { b: [{ exists: false }] } }, takes: ['{"a":{"c":1}}', '{"c":1}'], refuses: ['{"a":{"b":1}}'] },
  { policy: { a: ['x', { exists: false }] }, takes: ['{"a":"x"}', '{"b":1}'], refuses: ['{"a":"y"}'] },
  // Addresses
  {
    policy: { ip: [{ cidr: '10.0.0.0/24' }] },
    takes: ['{"ip":"10.0.0.0"}', '{"ip":"10.0.0.255"}'],
    refuses: ['{"ip":"10.0.1.0"}', '{"ip":"10.0.0"}', '{"ip":"::ffff:10.0.0.1"}', '{"ip":10}', '{}'],
  },
  { policy: { ip: [{ cidr: '0.0.0.0/0' }] }, takes: ['{"ip":"8.8.8.8"}'], refuses: ['{"ip":"::1"}', '{"ip":"x"}'] },
  { policy: { ip: [{ cidr: '192.168.1.7/32' }] }, takes: ['{"ip":"192.168.1.7"}'], refuses: ['{"ip":"192.168.1.6"}'] },
  {
    policy: { ip: [{ cidr: '2001:db8::/32' }] },
    takes: ['{"ip":"2001:db8:1::1"}'],
    refuses: ['{"ip":"2001:db9::1"}', '{"ip":"10.0.0.1"}'],
  },
  // AND, nested keys, keys with dots, odd keys
  { policy: { a: ['x'], b: [1] }, takes: ['{"a":"x","b":1}'], refuses: ['{"a":"x"}', '{"a":"x","b":2}', '{"b":1}'] },
  {
    policy: { data: { order: { total: [{ numeric: ['>', 100] }], currency: ['EUR'] } } },
    takes: ['{"data":{"order":{"total":101,"currency":"EUR"}}}'],
    refuses: [
      '{"data":{"order":{"total":101}}}',
      '{"data":{"total":101,"currency":"EUR"}}',
      '{"data":7}',
      '{"data":null}',
    ],
  },
  { policy: { 'a.b': ['x'] }, takes: ['{"a.b":"x"}', '{"a":{"b":"x"}}'], refuses: ['{"a":"x"}', '{"b":"x"}'] },
  { policy: { a: { b: ['x'] } }, takes: ['{"a":{"b":"x"}}', '{"a.b":"x"}'], refuses: ['{"a":["b","x"]}'] },
  {
    policy: { toString: [{ exists: false }], a: [1] },
    takes: ['{"a":1}'],
    refuses: ['{"a":1,"toString":"x"}'],
    emulatorDiffers: { '{"a":1}': 'the emulator finds what every JavaScript object inherits' },
  },
  { policy: { constructor: { name: ['x'] } }, takes: ['{"constructor":{"name":"x"}}'], refuses: ['{"a":1}', '{}'] },
  { policy: { 'a/b~c': ['x'], '': ['y'] }, takes: ['{"a/b~c":"x","":"y"}'], refuses: ['{"a/b~c":"x"}'] },
  // Arrays in the body
  {
    policy: { a: ['x'] },
    takes: ['{"a":["x","y"]}', '{"a":[["y"],["x"]]}'],
    refuses: ['{"a":["y"]}', '{"a":[]}'],
    emulatorDiffers: { '{"a":["x","y"]}': NO_ARRAYS, '{"a":[["y"],["x"]]}': NO_ARRAYS },
  },
  {
    policy: { a: [{ 'anything-but': ['rugby', 'tennis'] }] },
    takes: ['{"a":["rugby","baseball"]}'],
    refuses: ['{"a":["rugby","tennis"]}', '{"a":[]}'],
    emulatorDiffers: { '{"a":["rugby","baseball"]}': NO_ARRAYS },
  },
  {
    policy: { items: { sku: [{ prefix: 'A' }] } },
    takes: ['{"items":[{"sku":"B1"},{"sku":"A1"}]}'],
    refuses: ['{"items":[{"sku":"B1"}]}', '{"items":["A1"]}'],
    emulatorDiffers: { '{"items":[{"sku":"B1"},{"sku":"A1"}]}': NO_ARRAYS },
  },
  {
    policy: { a: [{ exists: false }] },
    takes: ['{"b":1,"a":[]}'],
    refuses: ['{"b":1,"a":["x"]}'],
    emulatorDiffers: { '{"b":1,"a":["x"]}': NO_ARRAYS },
  },
  // $or
  {
    policy: { $or: [{ a: ['x'] }, { b: [{ numeric: ['>', 5] }] }] },
    takes: ['{"a":"x"}', '{"b":6}', '{"a":"x","b":0}'],
    refuses: ['{"a":"y","b":5}', '{}'],
  },
  {
    policy: { c: ['z'], $or: [{ a: ['x'] }, { b: ['y'] }] },
    takes: ['{"c":"z","a":"x"}', '{"c":"z","b":"y"}'],
    refuses: ['{"a":"x"}', '{"c":"z"}', '{"c":"z","a":"y"}'],
  },
  {
    policy: { $or: [{ a: ['x'], b: ['y'] }, { c: { d: [1] } }] },
    takes: ['{"a":"x","b":"y"}', '{"c":{"d":1}}'],
    refuses: ['{"a":"x"}', '{"d":1}'],
  },
  {
    policy: { d: { k: ['v'], $or: [{ a: ['x'] }, { b: ['y'] }] } },
    takes: ['{"d":{"k":"v","a":"x"}}', '{"d":{"k":"v","b":"y"}}'],
    refuses: ['{"d":{"k":"v"}}', '{"d":{"a":"x"}}'],
    emulatorDiffers: { '{"d":{"k":"v","a":"x"}}': FLAT_OR, '{"d":{"k":"v","b":"y"}}': FLAT_OR },
  },
  {
    policy: { $or: [{ $or: [{ a: [1] }, { b: [1] }] }, { c: [1] }] },
    takes: ['{"a":1}', '{"b":1}', '{"c":1}'],
    refuses: ['{"d":1}'],
    emulatorDiffers: { '{"a":1}': FLAT_OR, '{"b":1}': FLAT_OR },
  },
  {
    // One alternative is no $or: a key of that name.
    policy: { $or: ['x'] },
    takes: ['{"$or":"x"}'],
    refuses: ['{"a":"x"}'],
    emulatorDiffers: { '{"$or":"x"}': 'the emulator takes every $or for the operator' },
  },
  { policy: {}, takes: ['{"a":1}', '{}'], refuses: [] },
];
