// The byte strings that must never go back to the agent: the real key, raw and in the encodings in which APIs echo things.
import { type Secret, SeksError } from '@seks/crds';

/** byte strings to search for */
export interface Needles {
  /** longest first */
  readonly forms: readonly Buffer[];
  /** 1 for each byte that occurs in one of them: what ends with another byte cannot be the beginning of a match */
  readonly alphabet: Uint8Array;
}

/** shorter keys would turn ordinary text into asterisks */
const MIN_KEY_BYTES = 8;
const ASTERISK = 0x2a;

/** needles of the given byte strings */
export function createNeedles(forms: readonly Buffer[]): Needles {
  const alphabet = new Uint8Array(256);
  for (const form of forms) for (const byte of form) alphabet[byte] = 1;
  return { forms, alphabet };
}

/**
 * what is searched for because of a key
 *
 * @throws SeksError SEKS_SEAL_MALFORMED if the key is too short to be told from ordinary text, or no header could carry it
 */
export function needlesOf(key: Secret<'provider-key'>): Needles {
  return key.reveal((plain) => {
    if (plain.length < MIN_KEY_BYTES || plain.some((byte) => byte < 0x21 || byte > 0x7e)) {
      const rule = `at least ${MIN_KEY_BYTES} visible ASCII characters and no space or line break`;
      throw new SeksError('SEKS_SEAL_MALFORMED', `What was sealed is no API key: it needs ${rule}.`);
    }
    const forms = [
      plain,
      ...textForms(plain.toString('latin1')).map((form) => Buffer.from(form)),
      ...base64Forms(plain),
    ];
    const unique = forms.filter((form, i) => forms.findIndex((other) => other.equals(form)) === i);
    return createNeedles(unique.map((form) => Buffer.from(form)).sort((a, b) => b.length - a.length));
  });
}

/** what encoders of JSON write as `\u00..`; quote and backslash are escaped by all, one way or the other */
const ESCAPED_IN_JSON = [
  /[<>&]/, // Go, Rails
  /[<>&'=]/, // Gson
  /[<>&'"+`]/, // .NET
  /[^\w-]/, // whoever takes no risk
];
/** what encoders of URLs leave as it is */
const KEPT_IN_URLS = [
  /[\w.-]/, // PHP's urlencode
  /[\w.~-]/, // RFC 3986: Go's url.QueryEscape, .NET's Uri.EscapeDataString
  /[\w.~/-]/, // Python's quote
  /[\w.*-]/, // forms: URLSearchParams, Java's URLEncoder
  /[\w.!~*'()-]/, // encodeURIComponent
  /[\w.~$&+:=@-]/, // Go's url.PathEscape
  /[^/]/, // one segment of a path, made by hand
];

/** how URLs, JSON and dumps write it; most keys have nothing to escape, so that most of these are the same */
function textForms(text: string): string[] {
  const chars = text.split('');
  const json = chars.map(jsonEscape);
  return [
    json.join(''),
    // PHP
    json.join('').replaceAll('/', String.raw`\/`),
    // Hexadecimal digits come in both cases.
    ...[hexOf, (char: string) => hexOf(char).toUpperCase()].flatMap((hex) => [
      chars.map(hex).join(''),
      chars.map((char) => `%${hex(char)}`).join(''),
      ...KEPT_IN_URLS.map((kept) => chars.map((char) => (kept.test(char) ? char : `%${hex(char)}`)).join('')),
      ...ESCAPED_IN_JSON.map((escaped) =>
        chars.map((char) => (escaped.test(char) ? String.raw`\u00${hex(char)}` : jsonEscape(char))).join(''),
      ),
    ]),
  ];
}

function hexOf(char: string): string {
  return char.charCodeAt(0).toString(16);
}

function jsonEscape(char: string): string {
  return JSON.stringify(char).slice(1, -1);
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
