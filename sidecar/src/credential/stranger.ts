// What a text that ought to be a token of this pod, and is not, is refused as (S4).
import { looksLikeFakeToken, SeksError, TOKEN_MARKER } from '@seks/crds';

import type { TokenTable } from './tokens.ts';

/** the random part of what may be a token */
const RANDOM_PART = new RegExp(`${TOKEN_MARKER}[0-9A-Za-z]{28,}`, 'g');
/** what stands before and after it in a token; longer ones are taken for a stranger's */
const MAX_TEMPLATE_PREFIX = 32;
const TEMPLATE_SUFFIX = /^[._:-][A-Za-z0-9._:-]{0,31}/;

/** a token of another pod is a leak alarm, wherever it stands; our own in an odd place is only a mistake */
export function refuseStranger(text: string, tokens: Pick<TokenTable, 'find'>): SeksError {
  if (!looksLikeFakeToken(text)) return new SeksError('SEKS_TOKEN_UNKNOWN');
  return holdsForeign(text, tokens)
    ? new SeksError('SEKS_TOKEN_FOREIGN')
    : new SeksError('SEKS_CREDENTIAL_FOREIGN', 'The token is in a place where no provider takes it.');
}

/**
 * A few hundred hashes at most, however long the text: the checksum tells what cannot be a token at the price of one, ours are few,
 * and the first stranger ends the search.
 */
function holdsForeign(text: string, tokens: Pick<TokenTable, 'find'>): boolean {
  const ours = new Set<string>();
  for (const { 0: random, index } of text.matchAll(RANDOM_PART)) {
    if (ours.has(random) || !looksLikeFakeToken(random)) continue;
    if (!isOurs(text, index, index + random.length, tokens)) return true;
    ours.add(random);
  }
  return false;
}

/** whether the random part between two indices belongs to a token of this pod */
function isOurs(text: string, index: number, end: number, tokens: Pick<TokenTable, 'find'>): boolean {
  const suffix = TEMPLATE_SUFFIX.exec(text.slice(end, end + MAX_TEMPLATE_PREFIX))?.[0] ?? '';
  for (let start = index; start >= Math.max(0, index - MAX_TEMPLATE_PREFIX); start -= 1) {
    if (tokens.find(text.slice(start, end)) !== undefined) return true;
    if (suffix !== '' && tokens.find(text.slice(start, end + suffix.length)) !== undefined) return true;
  }
  return false;
}
