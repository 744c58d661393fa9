// Picks the `usage` object out of a JSON text as it passes, byte by byte, without keeping the text: models answer with
// megabytes, and usage stands at the end. Knows only as much JSON as that takes; never throws, whatever it is fed.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;

const MAX_KEY_BYTES = 16;
const MAX_USAGE_BYTES = 16_384;
const USAGE = 'usage';
/** objects at the top whose `usage` counts too: Anthropic's message_start, OpenAI's response events, Groq's extension */
const PARENTS = new Set(['message', 'response', 'x_groq']);

type UsageObject = Readonly<Record<string, unknown>>;

/** scans one JSON text at a time */
export class JsonUsageScanner {
  readonly #report: (usage: UsageObject) => void;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** the next string at this depth is a key */
  #expectKey = false;
  /** bytes of the key being read; undefined while no key of interest is read */
  #key: number[] | undefined;
  #lastKey = '';
  #parent = '';
  #capture: Buffer[] | undefined;
  #captured = 0;
  #captureDepth = 0;

  /** `report` gets each usage object that is found */
  constructor(report: (usage: UsageObject) => void) {
    this.#report = report;
  }

  /** forgets what was read, before another text */
  reset(): void {
    this.#depth = 0;
    this.#inString = false;
    this.#escaped = false;
    this.#expectKey = false;
    this.#key = undefined;
    this.#lastKey = '';
    this.#parent = '';
    this.#capture = undefined;
  }

  /** reads the bytes of `chunk` from `start` to `end` */
  feed(chunk: Buffer, start = 0, end = chunk.length): void {
    let captureFrom = start;
    for (let i = start; i < end; i += 1) {
      if (this.#inString) {
        i = this.#readString(chunk, i, end);
        continue;
      }
      const byte = chunk[i];
      if (byte === QUOTE) {
        this.#inString = true;
        if (this.#expectKey) this.#key = this.#depth <= 2 ? [] : undefined;
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#open(byte)) captureFrom = i;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1;
        this.#expectKey = false;
        if (this.#depth === 1) this.#parent = '';
        if (this.#capture !== undefined && this.#depth === this.#captureDepth) {
          this.#keep(chunk, captureFrom, i + 1);
          this.#finish();
        }
      } else if (byte === COMMA) {
        this.#expectKey = true;
      } else if (byte === COLON) {
        this.#expectKey = false;
      }
    }
    if (this.#capture !== undefined) this.#keep(chunk, captureFrom, end);
  }

  /** reads on within a string; returns the index of the last byte read */
  #readString(chunk: Buffer, from: number, end: number): number {
    if (this.#key === undefined && !this.#escaped) return this.#skipString(chunk, from, end);
    const byte = chunk[from] ?? 0;
    if (this.#escaped) {
      this.#escaped = false;
    } else if (byte === BACKSLASH) {
      this.#escaped = true;
      this.#key = undefined;
    } else if (byte === QUOTE) {
      this.#inString = false;
      this.#lastKey = this.#key === undefined ? '' : String.fromCharCode(...this.#key);
      this.#key = undefined;
    } else if (this.#key !== undefined && this.#key.push(byte) > MAX_KEY_BYTES) {
      this.#key = undefined;
      this.#lastKey = '';
    }
    return from;
  }

  /** most bytes are in strings that do not matter: jumps from quote to quote */
  #skipString(chunk: Buffer, from: number, end: number): number {
    let quote = chunk.indexOf(QUOTE, from);
    while (quote !== -1 && quote < end) {
      let backslashes = 0;
      while (quote - backslashes > from && chunk[quote - backslashes - 1] === BACKSLASH) backslashes += 1;
      if (backslashes % 2 === 0) {
        this.#inString = false;
        if (this.#expectKey) this.#lastKey = '';
        return quote;
      }
      quote = chunk.indexOf(QUOTE, quote + 1);
    }
    let trailing = 0;
    while (end - trailing > from && chunk[end - trailing - 1] === BACKSLASH) trailing += 1;
    this.#escaped = trailing % 2 === 1;
    return end - 1;
  }

  /** enters an object or array; true if it is one to capture */
  #open(byte: number): boolean {
    const isUsage =
      byte === OPEN_BRACE &&
      this.#capture === undefined &&
      !this.#expectKey &&
      this.#lastKey === USAGE &&
      (this.#depth === 1 || (this.#depth === 2 && PARENTS.has(this.#parent)));
    if (isUsage) {
      this.#capture = [];
      this.#captured = 0;
      this.#captureDepth = this.#depth;
    }
    this.#depth += 1;
    if (this.#depth === 2) this.#parent = byte === OPEN_BRACE ? this.#lastKey : '';
    this.#expectKey = byte === OPEN_BRACE;
    this.#lastKey = '';
    return isUsage;
  }

  #keep(chunk: Buffer, from: number, to: number): void {
    this.#captured += to - from;
    if (this.#captured > MAX_USAGE_BYTES) this.#capture = undefined;
    else this.#capture?.push(Buffer.from(chunk.subarray(from, to)));
  }

  #finish(): void {
    const text = Buffer.concat(this.#capture ?? []).toString('utf8');
    this.#capture = undefined;
    try {
      const usage: unknown = JSON.parse(text);
      if (typeof usage === 'object' && usage !== null) this.#report(usage as UsageObject);
    } catch {
      // Not JSON after all; what cannot be read is not counted.
    }
  }
}
