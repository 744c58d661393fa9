// Text to envelope and back. An envelope is one line with one spelling; anything else is refused before it is used.
import * as z from 'zod';

import { SeksError } from '../errors/seks-error.ts';
import { envelopeHeader, wrappedDataKey } from './envelope.ts';
import type { EnvelopeHeader, WrappedDataKey } from './envelope.ts';
import { isCanonical, malformed, parseProtectedHeader } from './header.ts';

/** longest envelope text in `bytes`: four of the largest wrappings, header and key fit */
export const MAX_ENVELOPE_BYTES = 65_536;
/** longest provider key in `bytes`; HTTP servers stop at header values of this size */
export const MAX_PLAINTEXT_BYTES = 8_192;
const MAX_CIPHERTEXT_LENGTH = Math.ceil((MAX_PLAINTEXT_BYTES * 4) / 3);
/** how every envelope starts; a value that does not is no envelope but, at worst, a plain key */
const ENVELOPE_START = '{"protected":"';

const base64url = z.string().regex(/^[A-Za-z0-9_-]+$/);

const envelope = z.strictObject({
  protected: envelopeHeader.shape.protected,
  unprotected: z.strictObject({ edks: z.array(wrappedDataKey).min(1).max(4) }),
  /** 12 bytes */
  iv: base64url.length(16),
  ciphertext: base64url.max(MAX_CIPHERTEXT_LENGTH),
  /** 16 bytes */
  tag: base64url.length(22),
});

/** a parsed `seks.v1` envelope; only its header may leave the sidecar */
export type Envelope = z.infer<typeof envelope>;

/** parses a Secret value; throws SEKS_SECRET_NOT_SEALED, SEKS_SEAL_MALFORMED or SEKS_SEAL_VERSION_UNKNOWN */
export function parseEnvelope(text: string): Envelope {
  if (!text.startsWith(ENVELOPE_START)) throw new SeksError('SEKS_SECRET_NOT_SEALED');
  if (Buffer.byteLength(text) > MAX_ENVELOPE_BYTES) throw malformed('The envelope is too long.');
  // One line feed at the end is what a shell or an editor adds.
  const line = text.endsWith('\n') ? text.slice(0, -1) : text;
  const parsed = envelope.safeParse(decodeJson(line));
  if (!parsed.success) throw malformed('The envelope has a missing, unknown or wrong member.');
  const { iv, ciphertext, tag, unprotected } = parsed.data;
  if (![iv, ciphertext, tag, ...unprotected.edks.map(({ edk }) => edk)].every(isCanonical)) {
    throw malformed('A member of the envelope is not base64url.');
  }
  checkWrappings(unprotected.edks);
  parseProtectedHeader(parsed.data.protected);
  // Same bytes or none: this also refuses duplicate member names, of which JSON.parse keeps the last.
  if (formatEnvelope(parsed.data) !== line) throw malformed('The envelope is not in canonical form.');
  return parsed.data;
}

/** the envelope's one spelling, without a line feed */
export function formatEnvelope(parts: Envelope): string {
  const edks = parts.unprotected.edks.map(({ kms, kid, edk }) => ({ kms, kid, edk }));
  const { iv, ciphertext, tag } = parts;
  return JSON.stringify({ protected: parts.protected, unprotected: { edks }, iv, ciphertext, tag });
}

/** the part that the key service gets: no ciphertext */
export function headerOf(parsed: Envelope): EnvelopeHeader {
  return { protected: parsed.protected, edks: parsed.unprotected.edks };
}

/** refuses wrappings of which one KMS key would have two to choose from */
export function checkWrappings(edks: readonly WrappedDataKey[]): void {
  if (new Set(edks.map(({ kid }) => kid)).size !== edks.length)
    throw malformed('Two wrappings name the same KMS key.');
}

function decodeJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // No cause: the parser's message quotes what it read.
    throw malformed('The envelope is not JSON; it may be cut.');
  }
}
