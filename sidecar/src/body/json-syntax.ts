// The tokens of strict JSON (RFC 8259) in a byte buffer. Each function takes the index at which the token should start and returns
// the index after it, or -1 if it is not there.

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;

/** 1: control character, quote or backslash, which all end a run of plain text */
const SPECIAL = new Uint8Array(256).map((_, byte) =>
  byte < 0x20 || byte === QUOTE || byte === BACKSLASH ? 1 : 0,
);
const ESCAPES = new Set(Buffer.from('"\\/bfnrtu'));
const UNICODE_ESCAPE = 'u'.charCodeAt(0);
const LITERALS = [Buffer.from('true'), Buffer.from('false'), Buffer.from('null')];

/** the index of the first byte that is no white space */
export function skipSpace(bytes: Buffer, from: number): number {
  let at = from;
  while (isSpace(bytes[at])) at += 1;
  return at;
}

export function endOfString(bytes: Buffer, from: number): number {
  if (bytes[from] !== QUOTE) return -1;
  let at = from + 1;
  while (at < bytes.length) {
    while (at < bytes.length && SPECIAL[bytes[at] ?? 0] === 0) at += 1;
    const byte = bytes[at];
    if (byte === QUOTE) return at + 1;
    if (byte !== BACKSLASH) return -1;
    const escape = bytes[at + 1];
    if (escape === undefined || !ESCAPES.has(escape)) return -1;
    if (escape !== UNICODE_ESCAPE) {
      at += 2;
      continue;
    }
    for (let i = at + 2; i < at + 6; i += 1) if (!isHexDigit(bytes[i])) return -1;
    at += 6;
  }
  return -1;
}

/** of a number, `true`, `false` or `null` */
export function endOfScalar(bytes: Buffer, from: number): number {
  for (const literal of LITERALS) {
    const end = from + literal.length;
    if (bytes[from] === literal[0] && end <= bytes.length && literal.equals(bytes.subarray(from, end)))
      return end;
  }
  return endOfNumber(bytes, from);
}

function endOfNumber(bytes: Buffer, from: number): number {
  let at = bytes[from] === MINUS ? from + 1 : from;
  const whole = at;
  at = skipDigits(bytes, at);
  if (at === whole || (at > whole + 1 && bytes[whole] === ZERO)) return -1;
  if (bytes[at] === POINT) {
    const fraction = at + 1;
    at = skipDigits(bytes, fraction);
    if (at === fraction) return -1;
  }
  // e or E
  if (((bytes[at] ?? 0) | 0x20) === 0x65) {
    const sign = bytes[at + 1];
    const exponent = sign === MINUS || sign === PLUS ? at + 2 : at + 1;
    at = skipDigits(bytes, exponent);
    if (at === exponent) return -1;
  }
  return at;
}

function skipDigits(bytes: Buffer, from: number): number {
  let at = from;
  while (isDigit(bytes[at])) at += 1;
  return at;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

function isHexDigit(byte: number | undefined): boolean {
  if (byte === undefined) return false;
  const lower = byte | 0x20;
  return isDigit(byte) || (lower >= 0x61 && lower <= 0x66);
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
