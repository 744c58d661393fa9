// Fake tokens: what an agent gets instead of a key. Shaped like the provider's keys, random, and recognisable, so that
// any sidecar can tell a token of another pod from an unknown string (S4).
import { createHash } from 'node:crypto';

import { Secret } from './secret.ts';

/** marker at the start of every token's random part; some key formats allow capitals only in that place */
export const TOKEN_MARKER = 'seks';
const CHECKSUM_LENGTH = 6;
const DEFAULT_LENGTH = 42;
/** 22 characters of base 62 carry 130 bits */
const MIN_RANDOM_LENGTH = 22;
export const MIN_TOKEN_LENGTH = TOKEN_MARKER.length + MIN_RANDOM_LENGTH + CHECKSUM_LENGTH;
const MAX_TOKEN_LENGTH = 128;

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const PLACEHOLDER = /\{token(?::(\d{1,3}))?\}/g;

/** why a template cannot be used, or `undefined` if it can */
export function checkTemplate(template: string): string | undefined {
  const places = [...template.matchAll(PLACEHOLDER)];
  if (places.length !== 1) return 'must hold {token} or {token:N} exactly once';
  const length = places[0]?.[1] === undefined ? DEFAULT_LENGTH : Number(places[0][1]);
  if (length < MIN_TOKEN_LENGTH || length > MAX_TOKEN_LENGTH) {
    return `{token:N} needs N between ${MIN_TOKEN_LENGTH} and ${MAX_TOKEN_LENGTH}`;
  }
  if (!/^[A-Za-z0-9._:-]*$/.test(template.replace(PLACEHOLDER, ''))) {
    return 'may hold only letters, digits, and . _ : - besides {token}';
  }
  // A letter or digit right after the token would be read as part of its checksum.
  if (/\}[A-Za-z0-9]/.test(template)) return 'must not continue with a letter or digit after {token}';
  return undefined;
}

/**
 * makes one fake token from a provider's template
 *
 * @param randomBytes source of randomness, e.g. `crypto.randomBytes`
 * @throws RangeError if the template does not pass {@link checkTemplate}
 */
export function makeFakeToken(
  template: string,
  randomBytes: (size: number) => Uint8Array,
): Secret<'fake-token'> {
  const problem = checkTemplate(template);
  if (problem !== undefined) throw new RangeError(`fake token template ${problem}`);
  const text = template.replace(PLACEHOLDER, (_, n: string | undefined) => {
    const length = n === undefined ? DEFAULT_LENGTH : Number(n);
    const random = randomBase62(length - TOKEN_MARKER.length - CHECKSUM_LENGTH, randomBytes);
    return TOKEN_MARKER + random + checksum(random);
  });
  return new Secret('fake-token', text);
}

/** whether the text holds a fake token of any SEKS installation, ours or not */
export function looksLikeFakeToken(text: string): boolean {
  for (const match of text.matchAll(/seks([0-9A-Za-z]{28,})/g)) {
    const run = match[1] ?? '';
    const random = run.slice(0, -CHECKSUM_LENGTH);
    if (checksum(random) === run.slice(-CHECKSUM_LENGTH)) return true;
  }
  return false;
}

function randomBase62(length: number, randomBytes: (size: number) => Uint8Array): string {
  let text = '';
  while (text.length < length) {
    for (const byte of randomBytes(length * 2)) {
      // 248 = 4 * 62: bytes above would favour the first letters.
      if (byte < 248 && text.length < length) text += BASE62.charAt(byte % 62);
    }
  }
  return text;
}

function checksum(random: string): string {
  const digest = createHash('sha256').update(`seks fake token ${random}`).digest();
  let text = '';
  for (const byte of digest.subarray(0, CHECKSUM_LENGTH)) text += BASE62.charAt(byte % 62);
  return text;
}
