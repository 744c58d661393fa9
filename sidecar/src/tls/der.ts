// The part of DER (ITU-T X.690) that a certificate is written in. A library that knows all of ASN.1 costs the sidecar ten
// megabytes of memory, for two certificates in the life of a pod.

/** one encoded value: tag, length, content */
export type Der = Buffer;

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_IDENTIFIER = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const GENERALIZED_TIME = 0x18;
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;
/** tags from here on take more than one byte, and no certificate of ours has one */
const FIRST_LONG_TAG = 31;

/** values in their order */
export function sequence(...values: readonly Der[]): Der {
  return encode(SEQUENCE, ...values);
}

/** a set of one value: more would have to be sorted */
export function setOf(value: Der): Der {
  return encode(SET, value);
}

/** @param bytes an unsigned number, the highest byte first */
export function integer(bytes: Uint8Array): Der {
  const first = bytes.findIndex((byte) => byte !== 0);
  const shortest = first === -1 ? Buffer.of(0) : bytes.subarray(first);
  const isNegative = (shortest[0] ?? 0) >= 0x80;
  return encode(INTEGER, isNegative ? Buffer.of(0) : Buffer.of(), shortest);
}

/** DER writes what differs from the default only, and the default of all booleans in certificates is false */
export function isTrue(): Der {
  return encode(BOOLEAN, Buffer.of(0xff));
}

/** whole bytes as bits */
export function bitString(bytes: Uint8Array): Der {
  return encode(BIT_STRING, Buffer.of(0), bytes);
}

/**
 * bits by name, as of KeyUsage
 *
 * @param bits numbers from 0 to 7; bit 0 is the highest one of the byte
 */
export function namedBits(...bits: readonly number[]): Der {
  const byte = bits.reduce((all, bit) => all | (0x80 >> bit), 0);
  // X.690 §11.2.2: without the zeros at the end.
  return encode(BIT_STRING, Buffer.of(7 - Math.max(...bits), byte));
}

/** bytes */
export function octetString(bytes: Uint8Array): Der {
  return encode(OCTET_STRING, bytes);
}

/** @param dotted as `2.5.29.19` */
export function objectIdentifier(dotted: string): Der {
  const [first = 0, second = 0, ...others] = dotted.split('.').map(Number);
  return encode(OBJECT_IDENTIFIER, Buffer.from([first * 40 + second, ...others].flatMap(base128)));
}

/** text */
export function utf8String(text: string): Der {
  return encode(UTF8_STRING, Buffer.from(text));
}

/** a moment, with seconds; RFC 5280 §4.1.2.5 says which of the two types a year has */
export function time(ms: number): Der {
  const date = new Date(ms);
  const digits = `${date.toISOString().slice(0, 19).replaceAll(/[-:T]/g, '')}Z`;
  const year = date.getUTCFullYear();
  const isShort = year >= 1950 && year < 2050;
  return isShort
    ? encode(UTC_TIME, Buffer.from(digits.slice(2), 'latin1'))
    : encode(GENERALIZED_TIME, Buffer.from(digits, 'latin1'));
}

/** values in a tag of their own, as `[0] EXPLICIT`, or as `[0] IMPLICIT` of a sequence */
export function tagged(tag: number, ...values: readonly Der[]): Der {
  return encode(contextTag(tag) | CONSTRUCTED, ...values);
}

/** bytes under another tag than their type's own, as `[2] IMPLICIT IA5String` */
export function taggedBytes(tag: number, bytes: Uint8Array): Der {
  return encode(contextTag(tag), bytes);
}

function contextTag(tag: number): number {
  if (tag >= FIRST_LONG_TAG) throw new RangeError(`tag ${tag} does not fit into one byte`);
  return CONTEXT | tag;
}

function encode(tag: number, ...parts: readonly Uint8Array[]): Der {
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  return Buffer.concat([Buffer.of(tag, ...lengthOf(size)), ...parts]);
}

function lengthOf(size: number): number[] {
  if (size < 0x80) return [size];
  const bytes: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return [0x80 | bytes.length, ...bytes];
}

/** seven bits to a byte, the highest first; all but the last byte are marked */
function base128(value: number): number[] {
  const bytes = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    bytes.unshift(0x80 | (rest % 128));
  return bytes;
}
