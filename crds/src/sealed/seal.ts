// Sealing and opening. Opening checks context, then key commitment, and only then touches the ciphertext.
import { timingSafeEqual } from 'node:crypto';

import { FlattenedEncrypt, errors, flattenedDecrypt } from 'jose';

import { SeksError } from '../errors/seks-error.ts';
import { Secret } from '../secret.ts';
import { checkSealContext } from './context.ts';
import type { FoundContext } from './context.ts';
import { DATA_KEY_BYTES, SALT_BYTES, commitmentOf, contentKey } from './derive.ts';
import type { SealContext, WrappedDataKey } from './envelope.ts';
import { CRITICAL, checkContext, parseProtectedHeader, protectedHeaderOf } from './header.ts';
import { MAX_PLAINTEXT_BYTES, formatEnvelope, headerOf, parseEnvelope } from './parse.ts';
import type { Envelope } from './parse.ts';

const IV_BYTES = 12;
const CRIT = Object.fromEntries(CRITICAL.map((name) => [name, true]));

/**
 * seals a provider key and returns the envelope's text
 *
 * @param wrapped the data key and its wrappings for the same context, 1 to 4
 * @param randomBytes source of randomness, e.g. `crypto.randomBytes`
 * @throws RangeError if an argument cannot be sealed
 */
export async function sealKey(
  plaintext: Secret<'provider-key'>,
  ctx: SealContext,
  wrapped: { dataKey: Secret<'data-key'>; edks: readonly WrappedDataKey[] },
  randomBytes: (size: number) => Uint8Array,
): Promise<string> {
  const problem = checkSealContext(ctx);
  if (problem !== undefined) throw new RangeError(problem);
  const { dataKey, edks } = wrapped;
  if (dataKey.byteLength !== DATA_KEY_BYTES) throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes`);
  if (plaintext.byteLength < 1 || plaintext.byteLength > MAX_PLAINTEXT_BYTES) {
    throw new RangeError(`a provider key has 1 to ${MAX_PLAINTEXT_BYTES} bytes`);
  }
  const salt = Buffer.from(randomBytes(SALT_BYTES));
  const header = protectedHeaderOf(salt, commitmentOf(dataKey, salt), ctx);
  const key = contentKey(dataKey, salt);
  try {
    const jwe = await plaintext.reveal((bytes) =>
      new FlattenedEncrypt(bytes)
        .setProtectedHeader(header)
        .setInitializationVector(randomBytes(IV_BYTES))
        .encrypt(key, { crit: CRIT }),
    );
    const { protected: encoded, iv, ciphertext, tag } = jwe;
    if (encoded === undefined || iv === undefined || tag === undefined) throw new SeksError('SEKS_INTERNAL');
    const text = formatEnvelope({
      protected: encoded,
      unprotected: { edks: [...edks] },
      iv,
      ciphertext,
      tag,
    });
    // The parser is stricter than the writer: never hand out what no sidecar would accept.
    parseEnvelope(text);
    return text;
  } finally {
    key.fill(0);
  }
}

/** opens an envelope with its unwrapped data key; throws SEKS_SEAL_WRONG_*, _COMMITMENT_MISMATCH or _CORRUPT */
export async function openEnvelope(
  envelope: Envelope,
  dataKey: Secret<'data-key'>,
  found: FoundContext,
): Promise<Secret<'provider-key'>> {
  const header = headerOf(envelope);
  checkContext(header, found);
  const { salt: encodedSalt, com } = parseProtectedHeader(header.protected);
  const salt = Buffer.from(encodedSalt, 'base64url');
  if (!timingSafeEqual(commitmentOf(dataKey, salt), Buffer.from(com, 'base64url'))) {
    throw new SeksError('SEKS_SEAL_COMMITMENT_MISMATCH');
  }
  const key = contentKey(dataKey, salt);
  try {
    return await decrypt(envelope, key);
  } finally {
    key.fill(0);
  }
}

async function decrypt(envelope: Envelope, key: Uint8Array): Promise<Secret<'provider-key'>> {
  const { protected: encoded, iv, ciphertext, tag } = envelope;
  const options = { crit: CRIT, keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] };
  try {
    const { plaintext } = await flattenedDecrypt({ protected: encoded, iv, ciphertext, tag }, key, options);
    const opened = new Secret('provider-key', plaintext);
    plaintext.fill(0);
    return opened;
  } catch (cause) {
    if (cause instanceof errors.JOSEError) throw new SeksError('SEKS_SEAL_CORRUPT', undefined, { cause });
    throw cause;
  }
}
