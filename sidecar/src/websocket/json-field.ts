// Reads and replaces one value of a JSON text in place: nothing else of it changes, not even the spelling of a number.
// As strict as JSON.parse, and stricter: a name that occurs twice on the way could be read in two ways.

/** from the first character of a value to behind its last */
export interface Span {
  start: number;
  end: number;
}

/** the text is not JSON, is too deep, or names the value twice; the message quotes nothing of it */
export class JsonFieldError extends Error {
  override readonly name = 'JsonFieldError';
}

const MAX_DEPTH = 64;

/**
 * the string at the path
 *
 * @param path names of members, from the outermost; at least one
 * @returns undefined if there is none, or something else than a string
 * @throws JsonFieldError
 */
export function readField(text: string, path: readonly string[]): string | undefined {
  const span = findValue(text, path);
  if (span === undefined || text[span.start] !== '"') return undefined;
  return JSON.parse(text.slice(span.start, span.end)) as string;
}

/**
 * the text with another string at the path; the same text if there is no string
 *
 * @throws JsonFieldError
 */
export function replaceField(text: string, path: readonly string[], value: string): string {
  const span = findValue(text, path);
  return span === undefined || text[span.start] !== '"' ? text : splice(text, span, JSON.stringify(value));
}

/**
 * the text with other JSON at the path, whatever stood there; the same text if nothing did
 *
 * @throws JsonFieldError
 */
export function replaceValue(text: string, path: readonly string[], json: string): string {
  const span = findValue(text, path);
  return span === undefined ? text : splice(text, span, json);
}

/**
 * where the value at the path stands
 *
 * @throws JsonFieldError
 */
export function findValue(text: string, path: readonly string[]): Span | undefined {
  return new Scanner(text, path).scan();
}

function splice(text: string, { start, end }: Span, json: string): string {
  return text.slice(0, start) + json + text.slice(end);
}

/** not on the way to the value */
const OFF = -1;

class Scanner {
  readonly #text: string;
  readonly #path: readonly string[];
  #at = 0;
  #found: Span | undefined;

  constructor(text: string, path: readonly string[]) {
    this.#text = text;
    this.#path = path;
  }

  scan(): Span | undefined {
    this.#space();
    this.#value(0, 0);
    this.#space();
    if (this.#at !== this.#text.length) throw notJson();
    return this.#found;
  }

  /** `matched`: how many names of the path lead here, or OFF */
  #value(depth: number, matched: number): void {
    const start = this.#at;
    switch (this.#text.charCodeAt(start)) {
      case 0x7b:
        this.#object(depth + 1, matched);
        break;
      case 0x5b:
        this.#array(depth + 1);
        break;
      case 0x22:
        this.#string();
        break;
      case 0x74:
        this.#word('true');
        break;
      case 0x66:
        this.#word('false');
        break;
      case 0x6e:
        this.#word('null');
        break;
      default:
        this.#number();
    }
    if (matched === this.#path.length) this.#found = { start, end: this.#at };
  }

  #object(depth: number, matched: number): void {
    this.#enter(depth);
    const wanted = matched === OFF ? undefined : this.#path[matched];
    let seen = false;
    if (this.#leaveIf(0x7d)) return;
    for (;;) {
      const here = this.#name() === wanted && wanted !== undefined;
      if (here && seen) throw new JsonFieldError('A name occurs twice.');
      seen ||= here;
      this.#space();
      if (this.#text.charCodeAt(this.#at) !== 0x3a) throw notJson();
      this.#at += 1;
      this.#space();
      this.#value(depth, here ? matched + 1 : OFF);
      if (this.#endOfList(0x7d)) return;
    }
  }

  #array(depth: number): void {
    this.#enter(depth);
    if (this.#leaveIf(0x5d)) return;
    for (;;) {
      this.#value(depth, OFF);
      if (this.#endOfList(0x5d)) return;
    }
  }

  #enter(depth: number): void {
    if (depth > MAX_DEPTH) throw new JsonFieldError('It is nested too deeply.');
    this.#at += 1;
    this.#space();
  }

  #leaveIf(closing: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== closing) return false;
    this.#at += 1;
    return true;
  }

  #endOfList(closing: number): boolean {
    this.#space();
    if (this.#leaveIf(closing)) return true;
    if (this.#text.charCodeAt(this.#at) !== 0x2c) throw notJson();
    this.#at += 1;
    this.#space();
    return false;
  }

  #name(): string {
    const start = this.#at;
    if (this.#text.charCodeAt(start) !== 0x22) throw notJson();
    const escaped = this.#string();
    // `d` can be spelled `\u0064`.
    return escaped
      ? (JSON.parse(this.#text.slice(start, this.#at)) as string)
      : this.#text.slice(start + 1, this.#at - 1);
  }

  /** returns whether it has escapes */
  #string(): boolean {
    let escaped = false;
    for (;;) {
      this.#at += 1;
      const code = this.#text.charCodeAt(this.#at);
      if (code === 0x22) {
        this.#at += 1;
        return escaped;
      }
      if (code === 0x5c) {
        escaped = true;
        this.#escape();
        // NaN, behind the end, is not below either.
      } else if (!(code >= 0x20)) throw notJson();
    }
  }

  #escape(): void {
    this.#at += 1;
    const letter = this.#text[this.#at] ?? '';
    if (letter === 'u') {
      for (let i = 0; i < 4; i += 1) {
        this.#at += 1;
        if (!isHexDigit(this.#text.charCodeAt(this.#at))) throw notJson();
      }
    } else if (letter === '' || !'"\\/bfnrt'.includes(letter)) throw notJson();
  }

  #word(word: string): void {
    if (!this.#text.startsWith(word, this.#at)) throw notJson();
    this.#at += word.length;
  }

  #number(): void {
    if (this.#text.charCodeAt(this.#at) === 0x2d) this.#at += 1;
    if (this.#text.charCodeAt(this.#at) === 0x30) this.#at += 1;
    else this.#digits();
    if (this.#text.charCodeAt(this.#at) === 0x2e) {
      this.#at += 1;
      this.#digits();
    }
    if ((this.#text.charCodeAt(this.#at) | 0x20) !== 0x65) return;
    this.#at += 1;
    const sign = this.#text.charCodeAt(this.#at);
    if (sign === 0x2b || sign === 0x2d) this.#at += 1;
    this.#digits();
  }

  #digits(): void {
    const start = this.#at;
    while (isDigit(this.#text.charCodeAt(this.#at))) this.#at += 1;
    if (this.#at === start) throw notJson();
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at += 1;
    }
  }
}

function isDigit(code: number): boolean {
  return code >= 0x30 && code <= 0x39;
}

function isHexDigit(code: number): boolean {
  const lower = code | 0x20;
  return isDigit(code) || (lower >= 0x61 && lower <= 0x66);
}

function notJson(): JsonFieldError {
  return new JsonFieldError('It is not JSON.');
}
