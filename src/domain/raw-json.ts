/**
 * Finds where the members of a JSON text stand, so that a value can be carried byte for byte instead of being parsed and
 * written again (which would change 20-digit numbers, white space and escapes). Takes well-formed JSON only: give it a text
 * that JSON.parse has accepted.
 */

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_ARRAY = 91;
const CLOSE_ARRAY = 93;
const OPEN_OBJECT = 123;
const CLOSE_OBJECT = 125;
const COMMA = 44;

/** The text of a top-level member's value, exactly as written, or undefined where the object has no such member. */
export function rawMember(json: string, name: string): string | undefined {
  let found: string | undefined;
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json.charCodeAt(at) !== CLOSE_OBJECT && at < json.length) {
    const keyEnd = endOfString(json, at);
    const start = skipSpace(json, skipSpace(json, keyEnd) + 1);
    const end = endOfValue(json, start);
    if (isKey(json, at, keyEnd, name)) found = json.slice(start, end); // the last one wins, as in JSON.parse
    at = afterComma(json, end);
  }
  return found;
}

/** The texts of a top-level array's elements, exactly as written. */
export function rawElements(json: string): string[] {
  const elements: string[] = [];
  let at = skipSpace(json, skipSpace(json, 0) + 1);
  while (json.charCodeAt(at) !== CLOSE_ARRAY && at < json.length) {
    const end = endOfValue(json, at);
    elements.push(json.slice(at, end));
    at = afterComma(json, end);
  }
  return elements;
}

/** A key matches as written; one written with escapes is decoded first. */
function isKey(json: string, start: number, end: number, name: string): boolean {
  if (end - start - 2 === name.length && json.startsWith(name, start + 1)) return true;
  const key = json.slice(start, end);
  return key.includes('\\') && JSON.parse(key) === name;
}

function afterComma(json: string, end: number): number {
  const at = skipSpace(json, end);
  return json.charCodeAt(at) === COMMA ? skipSpace(json, at + 1) : at;
}

function skipSpace(json: string, from: number): number {
  let at = from;
  while (json.charCodeAt(at) <= 32) at++;
  return at;
}

/** Where the string that opens at `start` ends: just after its closing quote. */
function endOfString(json: string, start: number): number {
  let quote = json.indexOf('"', start + 1);
  while (isEscaped(json, quote)) quote = json.indexOf('"', quote + 1);
  return quote + 1;
}

function isEscaped(json: string, at: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++;
  return backslashes % 2 === 1;
}

function endOfValue(json: string, start: number): number {
  const first = json.charCodeAt(start);
  if (first === QUOTE) return endOfString(json, start);
  if (first === OPEN_OBJECT || first === OPEN_ARRAY) return endOfNested(json, start);
  let at = start;
  while (at < json.length && !isDelimiter(json.charCodeAt(at))) at++;
  return at;
}

function isDelimiter(code: number): boolean {
  return code <= 32 || code === COMMA || code === CLOSE_ARRAY || code === CLOSE_OBJECT;
}

function endOfNested(json: string, start: number): number {
  let depth = 0;
  let at = start;
  do {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
      continue;
    }
    if (code === OPEN_OBJECT || code === OPEN_ARRAY) depth++;
    else if (code === CLOSE_OBJECT || code === CLOSE_ARRAY) depth--;
    at++;
  } while (depth > 0 && at < json.length);
  return at;
}
