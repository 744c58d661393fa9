// The byte strings that must never go back to the agent: the real key, raw and in the encodings in which APIs echo things.
import { type Secret, SeksError } from '@seks/crds';

/** shorter keys would turn ordinary text into asterisks */
const MIN_KEY_BYTES = 8;
const ASTERISK = 0x2a;

/**
 * what is searched for, longest first
 *
 * @throws SeksError SEKS_SEAL_MALFORMED if the key is too short to be told from ordinary text, or no header could carry it
 */
export function needlesOf(key: Secret<'provider-key'>): Buffer[] {
  return key.reveal((plain) => {
    if (plain.length < MIN_KEY_BYTES || plain.some((byte) => byte < 0x21 || byte > 0x7e)) {
      const rule = `at least ${MIN_KEY_BYTES} visible ASCII characters and no space or line break`;
      throw new SeksError('SEKS_SEAL_MALFORMED', `What was sealed is no API key: it needs ${rule}.`);
    }
    const hex = plain.toString('hex');
    const forms = [
      plain,
      Buffer.from(encodeURIComponent(plain.toString('latin1'))),
      Buffer.from(JSON.stringify(plain.toString('latin1')).slice(1, -1)),
      Buffer.from(plain.toString('latin1').replaceAll('/', '\\/')),
      Buffer.from(hex),
      Buffer.from(hex.toUpperCase()),
      ...base64Forms(plain),
    ];
    const unique = forms.filter((form, i) => forms.findIndex((other) => other.equals(form)) === i);
    return unique.map((form) => Buffer.from(form)).sort((a, b) => b.length - a.length);
  });
}

/** base64 looks different at each of three alignments; characters that also hold neighbouring bits are left out */
function base64Forms(plain: Buffer): Buffer[] {
  return [0, 1, 2].flatMap((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), plain]);
    const start = Math.ceil((offset * 4) / 3);
    const end = Math.floor((padded.length * 4) / 3);
    return (['base64', 'base64url'] as const).map((encoding) => {
      return Buffer.from(padded.toString(encoding).slice(start, end));
    });
  });
}

/** writes `*` over a range of bytes */
export function overwrite(bytes: Buffer, start: number, end: number): void {
  bytes.fill(ASTERISK, start, end);
}
