// Whether a binary message is JSON to somebody. Some servers read it from binary frames as well as from text, each as leniently as its
// parser: behind a byte order mark, in UTF-16, with bytes that are no UTF-8, and Go's up to the end of the first value only.

const QUOTE = 0x22;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
/** white space, byte order marks, and what UTF-16 and UTF-32 put between characters */
const FILLING = new Uint8Array(256);
for (const byte of [0x00, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20, 0xef, 0xbb, 0xbf, 0xfe, 0xff])
  FILLING[byte] = 1;

/**
 * whether it begins like an object with a member, or a list of such, in any of these spellings; `{"` alone is not enough: in raw
 * sound two bytes in 65,536 are those
 */
export function looksLikeJson(data: Buffer): boolean {
  let at = skip(data, 0);
  while (data[at] === OPEN_BRACKET) at = skip(data, at + 1);
  if (data[at] !== OPEN_BRACE) return false;
  const zeros = countZeros(data, at + 1);
  const quote = skip(data, at + 1);
  if (data[quote] !== QUOTE) return false;
  // Zeros stand behind the bytes of ASCII or before them, by the order of bytes.
  return hasKey(data, quote, zeros, 1) || (zeros > 0 && hasKey(data, quote, zeros, -zeros));
}

/**
 * whether a key ends that begins with a quotation mark, and a colon follows
 *
 * @param zeros so many in each character of ASCII: 1 in UTF-16, 3 in UTF-32
 * @param offset where they begin, from the byte that is not zero
 */
function hasKey(data: Buffer, quote: number, zeros: number, offset: number): boolean {
  const width = zeros + 1;
  for (let at = quote + width; at < data.length; at += width) {
    const byte = data[at];
    if ((byte !== QUOTE && byte !== BACKSLASH) || countZeros(data, at + offset, zeros) < zeros) continue;
    if (byte === QUOTE) return data[skip(data, at + 1)] === COLON;
    // The character behind it, whatever it is.
    at += width;
  }
  return false;
}

function skip(data: Buffer, from: number): number {
  let at = from;
  while (at < data.length && FILLING[data[at] ?? 0] === 1) at += 1;
  return at;
}

function countZeros(data: Buffer, from: number, most = 3): number {
  let count = 0;
  while (count < most && data[from + count] === 0) count += 1;
  return count;
}
