// The two keys that a data key stands for. Both are bound to the envelope's own random salt, so a data key that a KMS
// hands out twice still never encrypts twice under the same content key.
import { hkdfSync } from 'node:crypto';

import type { Secret } from '../secret.ts';

export const DATA_KEY_BYTES = 32;
export const SALT_BYTES = 32;

/** content key: encrypts the provider key, lives for one call */
export function contentKey(dataKey: Secret<'data-key'>, salt: Uint8Array): Buffer {
  return expand(dataKey, salt, 'seks.v1 enc');
}

/**
 * key commitment: public, and different for every data key. AES-GCM alone would let one ciphertext open under two
 * keys to two plaintexts, which matters as soon as an envelope carries several wrappings.
 */
export function commitmentOf(dataKey: Secret<'data-key'>, salt: Uint8Array): Buffer {
  return expand(dataKey, salt, 'seks.v1 commit');
}

function expand(dataKey: Secret<'data-key'>, salt: Uint8Array, info: string): Buffer {
  return dataKey.reveal((key) => Buffer.from(hkdfSync('sha512', key, salt, info, 32)));
}
