import { BlockList, isIP } from 'node:net';

/** What a property of the event's body can hold at the end of a path. */
export type Scalar = string | number | boolean | null;

/** One of a key's conditions, compiled. */
export interface Condition {
  /** Is it met by a value that is there? */
  readonly accepts: (value: Scalar) => boolean;
  /** Is it met by there being no value? (`exists: false`) */
  readonly acceptsAbsence: boolean;
  /** What its wildcards cost, in Amazon SNS's points. */
  readonly wildcardPoints: number;
}

/** Why a condition is none; `path` leads on from the condition, as a JSON pointer. */
export interface ConditionFault {
  readonly path: string;
  readonly message: string;
}

type Compiled = Condition | ConditionFault;

/** Amazon SNS compares numbers from −10⁹ to 10⁹, with five digits after the decimal point. */
const MAX_NUMBER = 1e9;
const MAX_WILDCARDS = 3;

const RANGE_OPERATORS: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  '=': (value, bound) => value === bound,
  '<': (value, bound) => value < bound,
  '<=': (value, bound) => value <= bound,
  '>': (value, bound) => value > bound,
  '>=': (value, bound) => value >= bound,
};

type Operator = (operand: unknown) => Compiled;

const OPERATORS: ReadonlyMap<string, Operator> = new Map<string, Operator>([
  ['exists', exists],
  ['prefix', (operand) => onText(operand, (prefix, text) => text.startsWith(prefix))],
  ['suffix', (operand) => onText(operand, (suffix, text) => text.endsWith(suffix))],
  ['equals-ignore-case', equalsIgnoreCase],
  ['wildcard', wildcard],
  ['numeric', numeric],
  ['cidr', cidr],
  ['anything-but', anythingBut],
]);

/** Names that are operators: an `$or` whose alternatives use one of them as a key is no `$or` to Amazon SNS. */
export const RESERVED_KEYS: ReadonlySet<string> = new Set([...OPERATORS.keys(), ...Object.keys(RANGE_OPERATORS)]);

/** Compiles an element of a key's array: a plain value or `{operator: operand}`. */
export function compileCondition(given: unknown): Compiled {
  if (Array.isArray(given))
    return fault('', 'must be a string, a number, true, false, null or an operator, not a list');
  if (typeof given !== 'object' || given === null) return exact(given);
  return compileOperator(given, OPERATORS);
}

function compileOperator(given: object, known: ReadonlyMap<string, Operator>): Compiled {
  const [[name, operand] = ['', null], ...more] = Object.entries(given) as [string, unknown][];
  const operator = known.get(name);
  if (!operator || more.length > 0)
    return fault('', `must have exactly one operator of ${[...known.keys()].join(', ')}`);
  const compiled = operator(operand);
  return isFault(compiled) ? fault(`/${name}${compiled.path}`, compiled.message) : compiled;
}

export const isFault = (compiled: Compiled): compiled is ConditionFault => 'message' in compiled;

const fault = (path: string, message: string): ConditionFault => ({ path, message });

const condition = (accepts: Condition['accepts'], extra: Partial<Condition> = {}): Condition => ({
  accepts,
  acceptsAbsence: false,
  wildcardPoints: 0,
  ...extra,
});

function exact(given: unknown): Compiled {
  const wrong = typeof given === 'number' ? numberFault(given) : null;
  return wrong ? fault('', wrong) : condition((value) => value === given);
}

/** Larger numbers and finer ones are refused: a comparison of doubles would take different ids for the same. */
function numberFault(value: number): string | null {
  if (Math.abs(value) > MAX_NUMBER)
    return 'must be from −10⁹ to 10⁹, as in Amazon SNS: carry larger numbers as strings';
  return Number(value.toFixed(5)) === value ? null : 'must have at most five digits after the decimal point';
}

function exists(operand: unknown): Compiled {
  if (typeof operand !== 'boolean') return fault('', 'must be true or false');
  return condition(() => operand, { acceptsAbsence: !operand });
}

function onText(operand: unknown, test: (operand: string, text: string) => boolean): Compiled {
  if (typeof operand !== 'string' || operand === '') return fault('', 'must be a string that is not empty');
  return condition((value) => typeof value === 'string' && test(operand, value));
}

function equalsIgnoreCase(operand: unknown): Compiled {
  if (typeof operand !== 'string') return fault('', 'must be a string');
  const wanted = operand.toLowerCase();
  return condition((value) => typeof value === 'string' && value.toLowerCase() === wanted);
}

function wildcard(operand: unknown): Compiled {
  if (typeof operand !== 'string' || operand === '') return fault('', 'must be a string, such as "*.eu-*"');
  const parts = operand.split('*');
  const stars = parts.length - 1;
  if (stars > MAX_WILDCARDS) return fault('', `must not have more than ${MAX_WILDCARDS} wildcards`);
  const accepts = (value: Scalar) => typeof value === 'string' && fitsParts(parts, value);
  return condition(accepts, { wildcardPoints: stars > 1 ? 3 * stars : stars });
}

/** Part after part, each at its first place: no backtracking, whatever the text. */
function fitsParts(parts: readonly string[], text: string): boolean {
  const [first = '', ...middle] = parts;
  const last = middle.pop();
  if (last === undefined) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last) || text.length < first.length + last.length) return false;
  let at = first.length;
  for (const part of middle) {
    const found = text.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return at <= text.length - last.length;
}

/** `[">=", 0, "<", 100]`: one comparison, or a lower bound followed by an upper one. */
function numeric(operand: unknown): Compiled {
  if (!Array.isArray(operand) || (operand.length !== 2 && operand.length !== 4)) {
    return fault('', 'must be [operator, number], or a range such as [">=", 0, "<", 100]');
  }
  const [operator, bound, second, top] = operand as unknown[];
  const wrong = comparisonFault(operator, bound, 0) ?? (operand.length === 4 ? rangeFault(operand) : null);
  if (wrong) return wrong;
  const low = RANGE_OPERATORS[operator as string] as (value: number, bound: number) => boolean;
  const high = RANGE_OPERATORS[second as string];
  return condition(
    (value) => typeof value === 'number' && low(value, bound as number) && (!high || high(value, top as number)),
  );
}

function comparisonFault(operator: unknown, bound: unknown, at: number): ConditionFault | null {
  if (typeof operator !== 'string' || !Object.hasOwn(RANGE_OPERATORS, operator)) {
    return fault(`/${at}`, `must be one of ${Object.keys(RANGE_OPERATORS).join(' ')}`);
  }
  const wrong = typeof bound === 'number' ? numberFault(bound) : 'must be a number';
  return wrong ? fault(`/${at + 1}`, wrong) : null;
}

function rangeFault([first, bottom, second, top]: readonly unknown[]): ConditionFault | null {
  if (first !== '>' && first !== '>=') return fault('/0', 'must be > or >= where a range begins');
  if (second !== '<' && second !== '<=') return fault('/2', 'must be < or <= where a range ends');
  const wrong = comparisonFault(second, top, 2);
  if (wrong) return wrong;
  return (top as number) > (bottom as number) ? null : fault('/3', 'must be larger than the lower bound');
}

/** A network such as `10.0.0.0/24` or `2001:db8::/32`, or a single address. */
function cidr(operand: unknown): Compiled {
  const [address = '', bits, ...more] = typeof operand === 'string' ? operand.split('/') : [];
  const family = isIP(address);
  const most = family === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (family === 0 || more.length > 0 || !(prefix <= most)) {
    return fault('', 'must be an address or a network such as 10.0.0.0/24');
  }
  const network = new BlockList();
  network.addSubnet(address, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return condition((value) => {
    const kind = typeof value === 'string' ? isIP(value) : 0;
    return kind === family && network.check(value as string, kind === 4 ? 'ipv4' : 'ipv6');
  });
}

const NEGATABLE: ReadonlyMap<string, Operator> = new Map(
  ['prefix', 'suffix', 'wildcard'].map((name) => [name, OPERATORS.get(name) as Operator]),
);

/** A value, a list of values, or `{prefix | suffix | wildcard: …}`: met by any value that is there and is none of them. */
function anythingBut(operand: unknown): Compiled {
  if (Array.isArray(operand)) return anythingButList(operand);
  const inner = typeof operand === 'object' && operand !== null ? compileOperator(operand, NEGATABLE) : exact(operand);
  if (isFault(inner)) return inner;
  return condition((value) => !inner.accepts(value), { wildcardPoints: inner.wildcardPoints });
}

function anythingButList(operands: readonly unknown[]): Compiled {
  if (operands.length === 0) return fault('', 'must not be empty');
  for (const [at, each] of operands.entries()) {
    const wrong = typeof each === 'number' ? numberFault(each) : isObject(each) ? 'must be a plain value' : null;
    if (wrong) return fault(`/${at}`, wrong);
  }
  const unwanted = new Set(operands);
  return condition((value) => !unwanted.has(value));
}

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null;
