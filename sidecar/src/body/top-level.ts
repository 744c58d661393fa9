// Finds the values of a few keys of a JSON object without parsing it into objects, and proves on the way that the whole text is
// strict JSON which every reader reads alike. No recursion, and nothing allocated but a byte for each level of nesting.
// JSON.parse must not read an agent's objects: it mistakes some escaped keys for others that it saw before, so that an agent could
// hide its `model` (https://github.com/nodejs/node/issues/63785). Strings alone are safe.
import { isUtf8 } from 'node:buffer';

import { SeksError } from '@seks/crds';

import { endOfScalar, endOfString, skipSpace } from './json-syntax.ts';

/** where a value stands */
export interface ValueSpan {
  /** index of its first byte */
  start: number;
  /** index after its last byte */
  end: number;
  /** how often the key is there; the place is that of the last */
  count: number;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const MAX_ESCAPE_BYTES = 6;
/** that are looked at closely; a body of 16 MiB has room for millions, and would keep everything else waiting for a second */
const MAX_KEYS = 16_384;
const MAX_ITEMS = 1_024;

/**
 * the values of the wanted keys of the top object; keys are compared unescaped
 *
 * @throws SeksError SEKS_BODY_MALFORMED if it is not one JSON object in UTF-8 without a byte order mark, if it has keys by the
 *   thousand, or if a wanted key is there twice
 */
export function readTopLevel(bytes: Buffer, wanted: ReadonlySet<string>): Map<string, ValueSpan> {
  const spans = scanTopLevel(bytes, wanted);
  for (const [name, { count }] of spans)
    if (count > 1) throw new SeksError('SEKS_BODY_MALFORMED', `It has the key ${name} more than once.`);
  return spans;
}

/**
 * as {@link readTopLevel}, but it leaves it to the caller what a repeated key means
 *
 * @throws SeksError SEKS_BODY_MALFORMED also for a key that is a wanted one but for its case: some readers take it for the same
 */
export function scanTopLevel(bytes: Buffer, wanted: ReadonlySet<string>): Map<string, ValueSpan> {
  if (!isUtf8(bytes)) throw malformed('It is not UTF-8.');
  const start = skipSpace(bytes, 0);
  if (bytes[start] !== OPEN_BRACE) throw malformed('It is not a JSON object.');
  const { spans, end } = scanValue(bytes, start, createKeyTest(wanted));
  if (skipSpace(bytes, end) !== bytes.length) throw malformed('Something follows the JSON object.');
  return spans;
}

/** one element of an array */
export interface ArrayItem extends Omit<ValueSpan, 'count'> {
  /** its wanted members; empty if it is no object */
  members: Map<string, ValueSpan>;
}

/**
 * the elements of an array in a text that was scanned before
 *
 * @throws SeksError SEKS_BODY_MALFORMED for a key that is a wanted one but for its case, or for more elements than any list has
 *   that is looked into
 */
export function* readItems(
  bytes: Buffer,
  array: Pick<ValueSpan, 'start'>,
  wanted: ReadonlySet<string>,
): Generator<ArrayItem> {
  const nameOf = createKeyTest(wanted);
  let start = skipSpace(bytes, array.start + 1);
  for (let count = 1; bytes[start] !== CLOSE_BRACKET; count += 1) {
    if (count > MAX_ITEMS) throw malformed('It has too many elements in a list.');
    const { spans, end } = scanValue(bytes, start, nameOf);
    yield { start, end, members: spans };
    start = skipSpace(bytes, end);
    if (bytes[start] === COMMA) start = skipSpace(bytes, start + 1);
  }
}

/** the index after the value that starts at `start`, and the wanted keys if it is an object */
function scanValue(
  bytes: Buffer,
  start: number,
  nameOf: KeyTest,
): { spans: Map<string, ValueSpan>; end: number } {
  const spans = new Map<string, ValueSpan>();
  const nesting = new Nesting();
  /** the wanted name of the member of the top object that is being read */
  let name: string | undefined;
  let valueStart = start;
  /** reads a key and its colon; returns where the value starts */
  const readKey = (from: number): number => {
    const end = endOfString(bytes, from);
    const colon = end === -1 ? -1 : skipSpace(bytes, end);
    if (colon === -1 || bytes[colon] !== COLON) throw malformed();
    const value = skipSpace(bytes, colon + 1);
    if (nesting.depth === 1) {
      name = nameOf(bytes, from + 1, end - 1);
      valueStart = value;
    }
    return value;
  };
  let at = start;
  for (;;) {
    // A value starts here.
    const byte = bytes[at];
    if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      nesting.enter(byte === OPEN_BRACE);
      at = skipSpace(bytes, at + 1);
      if (bytes[at] !== nesting.closing) {
        if (nesting.isObject) at = readKey(at);
        continue;
      }
      nesting.leave();
      at += 1;
    } else {
      at = byte === QUOTE ? endOfString(bytes, at) : endOfScalar(bytes, at);
      if (at === -1) throw malformed();
    }
    // It ended, and perhaps objects and arrays around it with it.
    for (;;) {
      if (nesting.depth === 0) return { spans, end: at };
      if (nesting.depth === 1 && name !== undefined)
        spans.set(name, { start: valueStart, end: at, count: (spans.get(name)?.count ?? 0) + 1 });
      at = skipSpace(bytes, at);
      if (bytes[at] === COMMA) break;
      if (bytes[at] !== nesting.closing) throw malformed();
      nesting.leave();
      at += 1;
    }
    at = skipSpace(bytes, at + 1);
    if (nesting.isObject) at = readKey(at);
  }
}

/** the wanted name of the key between two indices, if it is one */
type KeyTest = (bytes: Buffer, start: number, end: number) => string | undefined;

function createKeyTest(wanted: ReadonlySet<string>): KeyTest {
  const names = new Map([...wanted].map((name) => [foldCase(name), name]));
  const lengths = [...wanted].map((name) => Buffer.byteLength(name));
  const [shortest, longest] = [Math.min(...lengths), Math.max(...lengths)];
  let looked = 0;
  return (bytes, start, end) => {
    const length = end - start;
    if (length < shortest || length > longest * MAX_ESCAPE_BYTES) return undefined;
    looked += 1;
    if (looked > MAX_KEYS) throw malformed('It has too many keys.');
    const text = bytes.toString('utf8', start, end);
    const key = bytes.subarray(start, end).includes(BACKSLASH) ? (JSON.parse(`"${text}"`) as string) : text;
    const name = names.get(foldCase(key));
    if (name !== undefined && name !== key) throw malformed(`It has a key that is ${name} in another case.`);
    return name;
  };
}

/** both ways, as the long s has only an upper case in ASCII, and the Kelvin sign only a lower one */
function foldCase(text: string): string {
  return text.toUpperCase().toLowerCase();
}

/** which of the open brackets are braces */
class Nesting {
  depth = 0;
  isObject = false;
  #levels = new Uint8Array(64);

  enter(isObject: boolean): void {
    if (this.depth === this.#levels.length) {
      const more = new Uint8Array(this.depth * 2);
      more.set(this.#levels);
      this.#levels = more;
    }
    this.#levels[this.depth] = isObject ? 1 : 0;
    this.depth += 1;
    this.isObject = isObject;
  }

  /** the byte that ends the innermost */
  get closing(): number {
    return this.isObject ? CLOSE_BRACE : CLOSE_BRACKET;
  }

  leave(): void {
    this.depth -= 1;
    this.isObject = this.#levels[this.depth - 1] === 1;
  }
}

function malformed(detail = 'It is not JSON.'): SeksError {
  return new SeksError('SEKS_BODY_MALFORMED', detail);
}
