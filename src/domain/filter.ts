/**
 * Filters of subscriptions, in the grammar of Amazon SNS filter policies applied to the message body
 * (https://docs.aws.amazon.com/sns/latest/dg/sns-subscription-filter-policies.html). The body is the webhook's:
 * `{"type", "timestamp", "data"}`. Keys are joined by AND, a key's conditions and `$or`'s alternatives by OR; of an array in
 * the body any element will do, key by key; a key with dots and nested keys are the same, as in Amazon SNS.
 */
import { type Condition, compileCondition, isFault, RESERVED_KEYS, type Scalar } from './filter-conditions.ts';

/** Where a filter is wrong, as a JSON pointer into it, and what to change. */
export interface FilterFault {
  readonly path: string;
  readonly message: string;
}

/** Which part of a filter an event does not meet (a JSON pointer into the filter), and why. */
export interface FilterMiss {
  readonly path: string;
  readonly message: string;
}

/** A filter that compiled. `body` is what `JSON.parse` makes of the webhook's body. */
export interface Filter {
  matches(body: unknown): boolean;
  /** Null when it matches. */
  explain(body: unknown): FilterMiss | null;
}

export type CompiledFilter =
  | { readonly ok: true; readonly filter: Filter }
  | { readonly ok: false; readonly faults: readonly FilterFault[] };

/** Amazon SNS's limits: https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html */
const MAX_BYTES = 256 * 1024;
const MAX_KEYS = 5;
const MAX_COMBINATIONS = 150;
const MAX_WILDCARD_POINTS = 100;

/** Ours: SNS's limit of combinations allows no deeper filter of any use, and it bounds the work of a look-up. */
const MAX_LEVELS = 32;

/** A key's name in the body, and the step that what it holds is looked into with. */
interface Step {
  readonly key: string;
  readonly next: number;
}

/** A key with its conditions. */
interface Leaf {
  readonly pointer: string;
  /** For each part of its dotted path: the keys that may lead on from there (`a`, `a.b`, …). */
  readonly steps: readonly (readonly Step[])[];
  readonly conditions: readonly Condition[];
  /** As written, for explanations. */
  readonly given: readonly unknown[];
}

interface Alternatives {
  readonly pointer: string;
  readonly alternatives: readonly Clause[][];
}

type Clause = Leaf | Alternatives;

/** Compiles a filter once, so that matching looks at nothing but what it names. */
export function compileFilter(policy: unknown): CompiledFilter {
  if (!isObject(policy)) return { ok: false, faults: [{ path: '', message: 'must be a JSON object' }] };
  const walk: Walk = { faults: [], keys: 0, wildcardPoints: 0 };
  const { clauses, combinations } = compileLevel(policy, { pointer: '', parts: [], depth: 1 }, 1, walk);
  const tooMuch = limitFault(policy, walk, combinations);
  const faults = tooMuch ? [...walk.faults, { path: '', message: tooMuch }] : walk.faults;
  if (faults.length > 0) return { ok: false, faults };
  return { ok: true, filter: { matches: (body) => meets(clauses, body), explain: (body) => missOf(clauses, body) } };
}

interface Walk {
  readonly faults: FilterFault[];
  keys: number;
  wildcardPoints: number;
}

interface Place {
  readonly pointer: string;
  readonly parts: readonly string[];
  /** From 1; `$or` adds none. */
  readonly depth: number;
}

/** Every leaf multiplies the combinations by its conditions and its depth; the alternatives of an `$or` add up. */
function compileLevel(level: object, place: Place, before: number, walk: Walk) {
  const clauses: Clause[] = [];
  let combinations = before;
  for (const [key, given] of Object.entries(level)) {
    const pointer = `${place.pointer}/${escapePointer(key)}`;
    // Much that handles JSON drops this key in silence, and a filter that has lost a key matches more than it should.
    if (key === '__proto__') walk.faults.push({ path: pointer, message: 'cannot be the name of a key' });
    if (key === '$or' && isOr(given)) {
      const branches = given.map((each, at) => {
        const branch = { ...place, pointer: `${pointer}/${at}` };
        if (Object.keys(each).length === 0) walk.faults.push({ path: branch.pointer, message: 'must not be empty' });
        return compileLevel(each, branch, combinations, walk);
      });
      clauses.push({ pointer, alternatives: branches.map((branch) => branch.clauses) });
      combinations = branches.reduce((sum, branch) => sum + branch.combinations, 0);
      continue;
    }
    const parts = [...place.parts, ...key.split('.')];
    if (parts.length > MAX_LEVELS) walk.faults.push({ path: pointer, message: `is deeper than ${MAX_LEVELS} levels` });
    else if (Array.isArray(given)) {
      clauses.push(compileLeaf(given, pointer, parts, walk));
      combinations *= given.length * place.depth;
    } else if (isObject(given) && Object.keys(given).length > 0) {
      const inner = compileLevel(given, { pointer, parts, depth: place.depth + 1 }, combinations, walk);
      clauses.push(...inner.clauses);
      combinations = inner.combinations;
    } else walk.faults.push({ path: pointer, message: 'must be a list of conditions, or an object with further keys' });
  }
  return { clauses, combinations };
}

function compileLeaf(given: readonly unknown[], pointer: string, parts: readonly string[], walk: Walk): Leaf {
  walk.keys++;
  if (given.length === 0) walk.faults.push({ path: pointer, message: 'must not be empty' });
  const conditions: Condition[] = [];
  for (const [at, each] of given.entries()) {
    const compiled = compileCondition(each);
    if (isFault(compiled)) walk.faults.push({ path: `${pointer}/${at}${compiled.path}`, message: compiled.message });
    else conditions.push(compiled);
  }
  const wild = conditions.filter(({ wildcardPoints }) => wildcardPoints > 0);
  walk.wildcardPoints += wild.reduce((sum, { wildcardPoints }) => sum + wildcardPoints, 0) * wild.length;
  return { pointer, steps: stepsOf(parts), conditions, given };
}

const stepsOf = (parts: readonly string[]): Step[][] =>
  parts.map((_, from) =>
    parts.slice(from).map((_, more) => ({ key: parts.slice(from, from + more + 1).join('.'), next: from + more + 1 })),
  );

/** Amazon SNS takes `$or` for an operator only with two or more objects that have no operator's name as a key. */
const isOr = (given: unknown): given is object[] =>
  Array.isArray(given) &&
  given.length >= 2 &&
  given.every((each) => isObject(each) && Object.keys(each).every((key) => !RESERVED_KEYS.has(key)));

function limitFault(policy: object, { keys, wildcardPoints }: Walk, combinations: number): string | null {
  if (Buffer.byteLength(JSON.stringify(policy)) > MAX_BYTES) return 'must not be larger than 256 KiB';
  if (keys > MAX_KEYS) return `must not have more than ${MAX_KEYS} keys with conditions`;
  if (combinations > MAX_COMBINATIONS) {
    return `must not have more than ${MAX_COMBINATIONS} combinations: the product of each key's conditions times its level`;
  }
  if (wildcardPoints > MAX_WILDCARD_POINTS) return 'must not have so many wildcards';
  return null;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** RFC 6901 §3. */
const escapePointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1');

const meets = (clauses: readonly Clause[], body: unknown): boolean =>
  clauses.every((clause) =>
    'alternatives' in clause
      ? clause.alternatives.some((each) => meets(each, body))
      : accepted(clause, valuesAt(body, clause.steps)),
  );

const accepted = ({ conditions }: Leaf, values: readonly Scalar[]): boolean =>
  values.length === 0
    ? conditions.some(({ acceptsAbsence }) => acceptsAbsence)
    : conditions.some(({ accepts }) => values.some(accepts));

/** The plain values at a path, through all arrays on the way; what is an object there counts for none. */
function valuesAt(body: unknown, steps: Leaf['steps']): Scalar[] {
  const values: Scalar[] = [];
  const places: { node: unknown; at: number }[] = [{ node: body, at: 0 }];
  // Grows as it goes. No recursion: a producer's arrays may be nested deeper than the stack.
  for (const { node, at } of places) {
    if (Array.isArray(node)) for (const element of node) places.push({ node: element, at });
    else if (typeof node !== 'object' || node === null) {
      if (at === steps.length) values.push(node as Scalar);
    } else {
      for (const { key, next } of steps[at] ?? []) {
        if (Object.hasOwn(node, key)) places.push({ node: (node as Record<string, unknown>)[key], at: next });
      }
    }
  }
  return values;
}

function missOf(clauses: readonly Clause[], body: unknown): FilterMiss | null {
  for (const clause of clauses) {
    if (meets([clause], body)) continue;
    if (!('alternatives' in clause)) return { path: clause.pointer, message: leafMiss(clause, body) };
    const each = clause.alternatives.map((alternative) => missOf(alternative, body)?.path).join(', ');
    return { path: clause.pointer, message: `none of the alternatives matches; they fail at ${each}` };
  }
  return null;
}

function leafMiss({ given, steps }: Leaf, body: unknown): string {
  const wanted = brief(given);
  const values = valuesAt(body, steps);
  if (values.length === 0) return `the event has no value there; the filter wants one of ${wanted}`;
  return `the event has ${values.length === 1 ? brief(values[0]) : brief(values)} there; the filter wants one of ${wanted}`;
}

/** As JSON, as much of it as a sentence takes. */
function brief(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`;
}
