// The protected header of a `seks.v1` envelope. It has exactly one spelling: what does not re-encode to the same bytes
// (duplicate names, escapes, white space, another order) is refused, so two parsers can never read it differently.
import * as z from 'zod';

import { SeksError } from '../errors/seks-error.ts';
import { checkSealContext, compareContext } from './context.ts';
import type { FoundContext } from './context.ts';
import { sealContext } from './envelope.ts';
import type { EnvelopeHeader, SealContext, WrappedDataKey } from './envelope.ts';

export const FORMAT = 'seks.v1';
/** our own parameters, critical (RFC 7516 §4.1.13): an implementation that does not know them must refuse */
export const CRITICAL = ['salt', 'com', 'ctx'] as const;
const MAX_PROTECTED_LENGTH = 8192;

const bytes32 = z.string().regex(/^[A-Za-z0-9_-]{43}$/);

const protectedHeader = z.strictObject({
  alg: z.literal('dir'),
  enc: z.literal('A256GCM'),
  typ: z.literal(FORMAT),
  crit: z.tuple([z.literal('salt'), z.literal('com'), z.literal('ctx')]),
  salt: bytes32,
  com: bytes32,
  ctx: sealContext,
});

export type ProtectedHeader = z.infer<typeof protectedHeader>;

/** the header's one spelling, as the JWE library writes it too */
export function protectedHeaderOf(salt: Buffer, commitment: Buffer, ctx: SealContext): ProtectedHeader {
  return ordered({
    alg: 'dir',
    enc: 'A256GCM',
    typ: FORMAT,
    crit: [...CRITICAL],
    salt: salt.toString('base64url'),
    com: commitment.toString('base64url'),
    ctx,
  });
}

/** parses an encoded protected header; throws SEKS_SEAL_VERSION_UNKNOWN or SEKS_SEAL_MALFORMED */
export function parseProtectedHeader(encoded: string): ProtectedHeader {
  if (encoded.length > MAX_PROTECTED_LENGTH) throw malformed('The protected header is too long.');
  const json = decodeJson(encoded);
  refuseOtherVersions(json);
  const parsed = protectedHeader.safeParse(json);
  if (!parsed.success) throw malformed('The protected header has a missing, unknown or wrong parameter.');
  const header = parsed.data;
  const problem = checkSealContext(header.ctx);
  if (problem !== undefined) throw malformed(`In the protected header, ${problem}.`);
  if (!isCanonical(header.salt) || !isCanonical(header.com) || encode(header) !== encoded) {
    throw malformed('The protected header is not in canonical form.');
  }
  return header;
}

/** the context that an envelope claims; believe it only after {@link checkContext} */
export function readContext(header: EnvelopeHeader): SealContext {
  return parseProtectedHeader(header.protected).ctx;
}

/** the verified context, recomputed from where the envelope was found; throws SEKS_SEAL_WRONG_* before any KMS call */
export function checkContext(header: EnvelopeHeader, found: FoundContext): SealContext {
  return compareContext(readContext(header), found);
}

/**
 * the wrappings that a key service may try, in its own order of preference, never the envelope's
 *
 * @throws SeksError SEKS_SEAL_KMS_KEY_UNKNOWN if there is none
 */
export function acceptedWrappings(
  header: EnvelopeHeader,
  acceptedKeyIds: readonly string[],
): WrappedDataKey[] {
  const accepted = acceptedKeyIds.flatMap((kid) => header.edks.filter((wrapped) => wrapped.kid === kid));
  if (accepted.length === 0) throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
  return accepted;
}

/** the first of {@link acceptedWrappings} */
export function pickWrapping(header: EnvelopeHeader, acceptedKeyIds: readonly string[]): WrappedDataKey {
  const [first] = acceptedWrappings(header, acceptedKeyIds);
  if (first === undefined) throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
  return first;
}

/** whether a base64url text is the only one for its bytes: no spare bits, no impossible length */
export function isCanonical(base64url: string): boolean {
  return Buffer.from(base64url, 'base64url').toString('base64url') === base64url;
}

/** an error about the envelope's shape; `detail` never quotes it: the value may be a plain key */
export function malformed(detail: string, cause?: unknown): SeksError {
  return new SeksError('SEKS_SEAL_MALFORMED', detail, cause === undefined ? undefined : { cause });
}

function encode(header: ProtectedHeader): string {
  return Buffer.from(JSON.stringify(ordered(header))).toString('base64url');
}

function ordered({ alg, enc, typ, crit, salt, com, ctx }: ProtectedHeader): ProtectedHeader {
  const { scope, namespace, secret, key, provider } = ctx;
  const place = secret === undefined || key === undefined ? {} : { secret, key };
  return { alg, enc, typ, crit, salt, com, ctx: { scope, namespace, ...place, provider } };
}

function decodeJson(encoded: string): unknown {
  if (!isCanonical(encoded)) throw malformed('The protected header is not base64url.');
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(encoded, 'base64url')));
  } catch {
    // No cause: the parser's message quotes what it read.
    throw malformed('The protected header is not JSON.');
  }
}

function refuseOtherVersions(json: unknown): void {
  const header = z.object({ typ: z.string(), crit: z.array(z.string()) }).safeParse(json);
  if (!header.success) throw malformed('The protected header names no type or no critical parameters.');
  const { typ, crit } = header.data;
  const known: readonly string[] = CRITICAL;
  if (typ !== FORMAT || crit.some((name) => !known.includes(name)))
    throw new SeksError('SEKS_SEAL_VERSION_UNKNOWN');
}
