// Picks a few values out of a JSON text as it passes, without keeping the text: models answer with megabytes, and usage stands
// at the end. It knows only as much JSON as that takes, allocates nothing on the way, and never throws, whatever it is fed.
import { BEFORE_KEY, DEAD, leadsNowhere, MAX_KEY_BYTES, nodeAt, type PathNode } from './json-paths.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const MAX_OBJECT_BYTES = 16_384;
const MAX_STRING_BYTES = 128;
/** deeper than any path; what is nested deeper still is not looked at */
const MAX_DEPTH = 24;
/** a string shorter than this is run over faster than the search for its end could be called */
const SHORT_STRING_BYTES = 64;

/** bytes that matter while keys are looked at, and while they are not */
const MARKS = tableOf([QUOTE, COMMA, COLON, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET]);
const BRACKETS = tableOf([QUOTE, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET]);

export type JsonObject = Readonly<Record<string, unknown>>;

/** who gets what is found; `name` is the path with dots */
export interface PathListener {
  object?: (name: string, value: JsonObject) => void;
  /** strings of up to 128 bytes without escapes only, read as Latin-1 */
  string?: (name: string, value: string) => void;
  presence?: (name: string) => void;
}

/** scans one JSON text at a time, or several that follow each other */
export class JsonPathScanner {
  /** bytes of all text so far, as they stand in JSON; a reset does not forget them */
  textBytes = 0;
  readonly #root: PathNode;
  readonly #listener: PathListener;
  /** the objects and arrays around the place, and whether each is an array */
  readonly #nodes: PathNode[] = [];
  readonly #arrays = new Uint8Array(MAX_DEPTH);
  #depth = 0;
  /** of the innermost object or array */
  #base: PathNode = DEAD;
  /** of the value that comes next */
  #member: PathNode;
  /** depth within a value that is not looked at; 0: not in one */
  #skipDepth = 0;
  #inString = false;
  #escaped = false;
  #isText = false;
  /** the string being read, as far as it is of interest */
  readonly #kept = new Uint8Array(MAX_STRING_BYTES);
  #keptBytes = 0;
  /** how much of the string may be kept; 0: it is of no interest */
  #keepLimit = 0;
  #lastString = '';
  #capture: Buffer[] | undefined;
  #capturedBytes = 0;

  constructor(root: PathNode, listener: PathListener) {
    this.#root = root;
    this.#listener = listener;
    this.#member = root;
  }

  /** forgets where it was, before another text */
  reset(): void {
    this.#depth = 0;
    this.#base = DEAD;
    this.#member = this.#root;
    this.#skipDepth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#keptBytes = 0;
    this.#keepLimit = 0;
    this.#capture = undefined;
  }

  /** reads the bytes of `chunk` from `start` to `end` */
  feed(chunk: Buffer, start = 0, end = chunk.length): void {
    let captureFrom = start;
    let at = start;
    while (at < end) {
      if (this.#inString) {
        at = this.#readString(chunk, at, end);
        continue;
      }
      const marks = this.#skipDepth > 0 ? BRACKETS : MARKS;
      while (at < end && marks[chunk[at] ?? 0] === 0) at += 1;
      if (at === end) break;
      const byte = chunk[at];
      if (byte === QUOTE) {
        this.#beginString();
        at = this.#readString(chunk, at + 1, end);
        continue;
      }
      if (byte === COLON) {
        this.#endKey();
      } else if (byte === COMMA) {
        if (this.#depth > 0)
          this.#member = this.#arrays[this.#depth - 1] === 1 ? this.#base.element : BEFORE_KEY;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#open(byte === OPEN_BRACKET)) captureFrom = at;
      } else if (this.#close()) {
        this.#keep(chunk, captureFrom, at + 1);
        this.#report();
      }
      at += 1;
    }
    if (this.#capture !== undefined) this.#keep(chunk, captureFrom, end);
  }

  #beginString(): void {
    this.#inString = true;
    this.#keptBytes = 0;
    this.#isText = false;
    this.#keepLimit = 0;
    if (this.#skipDepth > 0 || this.#depth === 0) return;
    const { take } = this.#member;
    this.#isText = take === 'text';
    if (take === 'string') this.#keepLimit = MAX_STRING_BYTES;
    else if (this.#member === BEFORE_KEY) this.#keepLimit = MAX_KEY_BYTES;
  }

  /** reads on within a string; returns the index after the last byte read */
  #readString(chunk: Buffer, from: number, end: number): number {
    let at = from;
    if (this.#keepLimit > 0) {
      const kept = this.#kept;
      const limit = this.#keepLimit;
      let count = this.#keptBytes;
      let byte = 0;
      while (at < end && count < limit) {
        byte = chunk[at] ?? 0;
        if (byte === QUOTE || byte === BACKSLASH) break;
        kept[count] = byte;
        count += 1;
        at += 1;
      }
      this.#keptBytes = count;
      if (at === end) return end;
      if (chunk[at] === QUOTE) {
        this.#endString();
        return at + 1;
      }
      // Too long, or escaped: neither a key nor a name that we look for.
      this.#keepLimit = 0;
    }
    const next = this.#skipString(chunk, at, end);
    if (this.#isText) this.textBytes += next - at - (this.#inString ? 0 : 1);
    return next;
  }

  /** most bytes are in strings that do not matter: jumps from quote to quote */
  #skipString(chunk: Buffer, from: number, end: number): number {
    let at = from;
    if (this.#escaped) {
      this.#escaped = false;
      at += 1;
    }
    const shortEnd = Math.min(end, at + SHORT_STRING_BYTES);
    while (at < shortEnd && chunk[at] !== QUOTE && chunk[at] !== BACKSLASH) at += 1;
    let quote = at < end && chunk[at] === QUOTE ? at : chunk.indexOf(QUOTE, at);
    while (quote !== -1 && quote < end) {
      if (backslashesBefore(chunk, quote, at) % 2 === 0) {
        this.#inString = false;
        return quote + 1;
      }
      quote = chunk.indexOf(QUOTE, quote + 1);
    }
    this.#escaped = backslashesBefore(chunk, end, at) % 2 === 1;
    return end;
  }

  #endString(): void {
    this.#inString = false;
    if (this.#member.take !== 'string' || this.#skipDepth > 0) return;
    // Each event of a stream names the same model: not made anew each time.
    if (!isSameLatin1(this.#kept, this.#keptBytes, this.#lastString))
      this.#lastString = Buffer.from(this.#kept.buffer, 0, this.#keptBytes).toString('latin1');
    this.#listener.string?.(this.#member.name, this.#lastString);
  }

  /** the string before was a key */
  #endKey(): void {
    if (this.#depth === 0) return;
    this.#member = this.#keepLimit > 0 ? nodeAt(this.#base, this.#kept, this.#keptBytes) : this.#base.other;
    this.#keepLimit = 0;
    if (this.#member.take === 'presence') this.#listener.presence?.(this.#member.name);
  }

  /** enters an object or array; true if it is one to capture */
  #open(isArray: boolean): boolean {
    if (this.#skipDepth > 0) {
      this.#skipDepth += 1;
      return false;
    }
    const member = this.#member;
    if (member.take === 'object' && !isArray) {
      this.#capture = [];
      this.#capturedBytes = 0;
      this.#skipDepth = 1;
      return true;
    }
    if (this.#depth === MAX_DEPTH || leadsNowhere(member)) {
      this.#skipDepth = 1;
      return false;
    }
    this.#nodes[this.#depth] = this.#base;
    this.#arrays[this.#depth] = isArray ? 1 : 0;
    this.#depth += 1;
    this.#base = member;
    this.#member = isArray ? member.element : BEFORE_KEY;
    return false;
  }

  /** leaves an object or array; true if it was the captured one */
  #close(): boolean {
    if (this.#skipDepth > 0) {
      this.#skipDepth -= 1;
      return this.#skipDepth === 0 && this.#capture !== undefined;
    }
    if (this.#depth === 0) return false;
    this.#depth -= 1;
    this.#base = this.#nodes[this.#depth] ?? DEAD;
    this.#member = this.#depth === 0 ? this.#root : DEAD;
    return false;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    this.#capturedBytes += to - from;
    if (this.#capturedBytes > MAX_OBJECT_BYTES) this.#capture = undefined;
    else this.#capture?.push(Buffer.from(chunk.subarray(from, to)));
  }

  #report(): void {
    if (this.#capture === undefined) return;
    const text = Buffer.concat(this.#capture).toString('utf8');
    this.#capture = undefined;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      // Not JSON after all; what cannot be read is not counted.
      return;
    }
    this.#listener.object?.(this.#member.name, value as JsonObject);
  }
}

function isSameLatin1(bytes: Uint8Array, length: number, text: string): boolean {
  if (text.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (bytes[i] !== text.charCodeAt(i)) return false;
  return true;
}

function backslashesBefore(chunk: Buffer, index: number, from: number): number {
  let count = 0;
  while (index - count > from && chunk[index - count - 1] === BACKSLASH) count += 1;
  return count;
}

function tableOf(bytes: readonly number[]): Uint8Array {
  const table = new Uint8Array(256);
  for (const byte of bytes) table[byte] = 1;
  return table;
}
