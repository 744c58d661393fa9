// The provider's own refusal of an upgrade, on its way to the agent: treated like any error answer.
import { SeksError } from '@seks/crds';

import { passableHeaders } from '../forward/answer-head.ts';
import type { GrantedCredential } from '../lease/granted-credential.ts';
import type { ReturnAddress } from '../rewrite/return-address.ts';
import { scrubFields } from '../scrub/scrub-fields.ts';
import { scrubBytes } from '../scrub/stream-scrubber.ts';
import type { HttpAnswer } from './http-answer.ts';
import type { RefusedUpgrade } from './refused-upgrade.ts';

export interface PassableRefusal {
  answer: HttpAnswer;
  /** how often the key, or what looks like one, was found */
  hits: number;
}

/**
 * the answer as the agent may see it: scrubbed, masked, its URLs turned back
 *
 * @param keyed whether the upgrade carried the key
 * @throws SeksError SEKS_UPSTREAM_ENCODING, SEKS_UPSTREAM_ANSWER_TOO_LARGE if its body cannot be searched as a whole
 */
export function passableRefusal(
  { status, statusText, rawHeaders, body, truncated }: RefusedUpgrade,
  credential: Pick<GrantedCredential, 'rewriteHeaders' | 'maskError' | 'vault'>,
  back: ReturnAddress,
  keyed: boolean,
): PassableRefusal {
  if (isCoded(rawHeaders)) throw new SeksError('SEKS_UPSTREAM_ENCODING');
  if (truncated) throw new SeksError('SEKS_UPSTREAM_ANSWER_TOO_LARGE');
  const { needles } = credential.vault;
  const headers = credential.rewriteHeaders(passableHeaders(rawHeaders), back);
  const head = scrubFields([statusText, ...headers], needles);
  const [cleanText = '', ...fields] = head.fields;
  if (status === 401 && keyed) fields.push('x-seks-error', 'SEKS_UPSTREAM_KEY_REFUSED');
  const scrubbed = scrubBytes(body, needles);
  const masked = credential.maskError(scrubbed.clean);
  return {
    answer: { status, statusText: cleanText, rawHeaders: fields, body: masked.clean },
    hits: head.hits + scrubbed.hits + masked.hits,
  };
}

/** identity was asked for; in anything else the key could not be found */
function isCoded(rawHeaders: readonly string[]): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'content-encoding') continue;
    if (rawHeaders[i + 1] !== '' && rawHeaders[i + 1]?.toLowerCase() !== 'identity') return true;
  }
  return false;
}
