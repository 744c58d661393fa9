// The embedded KMS: RSA-OAEP. Anyone with the public key can seal, offline; only the key service can unwrap.
// RSA-OAEP has no encryption context, so the context's digest is wrapped together with the data key.
import {
  constants,
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPair,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

import { Secret, SeksError, contextDigest } from '@seks/crds';
import type { SealContext, WrappedDataKey } from '@seks/crds';

import { DATA_KEY_BYTES } from './kms.ts';
import type { Kms } from './kms.ts';

const MODULUS_BITS = 3072;
const OAEP = { padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha256' } as const;

/** private keys to unwrap with, the current one first, or just a public key to wrap with */
export type LocalKmsOptions = { privateKeysPem: readonly Secret[] } | { publicKeyPem: string };

interface KeyPair {
  kid: string;
  publicKey: KeyObject;
  privateKey: KeyObject | undefined;
}

/**
 * creates the local KMS; one that has only a public key wraps, and knows no key to unwrap with
 *
 * @throws SeksError SEKS_CONFIG_INVALID if a key is not RSA of at least 3072 bits
 */
export function createLocalKms(options: LocalKmsOptions): Kms {
  const pairs =
    'publicKeyPem' in options
      ? [fromPublicKey(() => createPublicKey(options.publicKeyPem))]
      : options.privateKeysPem.map(fromPrivateKey);
  const [current] = pairs;
  if (current === undefined) throw new SeksError('SEKS_CONFIG_INVALID', 'The local KMS has no key.');
  const keyIds = pairs.filter(({ privateKey }) => privateKey !== undefined).map(({ kid }) => kid);

  const wrapExisting = async (dataKey: Secret<'data-key'>, ctx: SealContext): Promise<WrappedDataKey> => {
    if (dataKey.byteLength !== DATA_KEY_BYTES) throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes`);
    const { publicKey, kid } = current;
    return dataKey.reveal((bytes) => {
      const payload = Buffer.concat([bytes, contextDigest(ctx)]);
      const edk = publicEncrypt({ key: publicKey, ...OAEP }, payload).toString('base64url');
      payload.fill(0);
      return { kms: 'local', kid, edk };
    });
  };

  return {
    kms: 'local',
    keyIds: () => keyIds,
    wrapExisting,

    async wrap(ctx) {
      const bytes = randomBytes(DATA_KEY_BYTES);
      const dataKey = new Secret('data-key', bytes);
      bytes.fill(0);
      return { dataKey, wrapped: await wrapExisting(dataKey, ctx) };
    },

    async unwrap(wrapped, ctx) {
      const pair = wrapped.kms === 'local' ? pairs.find(({ kid }) => kid === wrapped.kid) : undefined;
      if (pair?.privateKey === undefined) throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
      return unwrapWith(pair.privateKey, Buffer.from(wrapped.edk, 'base64url'), ctx);
    },

    async check() {
      // The keys were parsed at construction and need nobody else.
    },
  };
}

/** a new RSA key pair; the private key is PKCS #8 PEM for a Secret, the public key SPKI PEM for anyone */
export async function generateLocalKeyPair(): Promise<{
  kid: string;
  privateKeyPem: Secret;
  publicKeyPem: string;
}> {
  const pair = await promisify(generateKeyPair)('rsa', { modulusLength: MODULUS_BITS });
  return {
    kid: localKeyId(pair.publicKey),
    privateKeyPem: new Secret('private-key', pair.privateKey.export({ type: 'pkcs8', format: 'pem' })),
    publicKeyPem: pair.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

/** the SPKI PEM of a private key, for publishing it */
export function publicKeyPemOf(privateKeyPem: Secret): string {
  return fromPrivateKey(privateKeyPem).publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

/** key id: SHA-256 of the SPKI DER in base64url */
export function localKeyId(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
}

function unwrapWith(privateKey: KeyObject, edk: Buffer, ctx: SealContext): Secret<'data-key'> {
  let payload: Buffer;
  try {
    payload = privateDecrypt({ key: privateKey, ...OAEP }, edk);
  } catch {
    // No cause and one code for every way to fail, so that it is no padding oracle (Manger 2001).
    throw new SeksError('SEKS_SEAL_UNWRAP_REFUSED');
  }
  try {
    const digest = contextDigest(ctx);
    const fits = payload.length === DATA_KEY_BYTES + digest.length;
    if (!fits || !timingSafeEqual(payload.subarray(DATA_KEY_BYTES), digest)) {
      throw new SeksError('SEKS_SEAL_UNWRAP_REFUSED');
    }
    return new Secret('data-key', payload.subarray(0, DATA_KEY_BYTES));
  } finally {
    payload.fill(0);
  }
}

function fromPrivateKey(pem: Secret): KeyPair {
  let privateKey: KeyObject;
  try {
    privateKey = pem.reveal((bytes) => createPrivateKey(bytes));
  } catch {
    throw new SeksError('SEKS_CONFIG_INVALID', 'A private key of the local KMS is not PEM.');
  }
  return { ...fromPublicKey(() => createPublicKey(privateKey)), privateKey };
}

function fromPublicKey(read: () => KeyObject): KeyPair {
  let publicKey: KeyObject;
  try {
    publicKey = read();
  } catch {
    throw new SeksError('SEKS_CONFIG_INVALID', 'The sealing key is not a public key in PEM.');
  }
  const bits = publicKey.asymmetricKeyDetails?.modulusLength ?? 0;
  if (publicKey.asymmetricKeyType !== 'rsa' || bits < MODULUS_BITS) {
    throw new SeksError(
      'SEKS_CONFIG_INVALID',
      `A key of the local KMS is not RSA of ${MODULUS_BITS} bits or more.`,
    );
  }
  return { kid: localKeyId(publicKey), publicKey, privateKey: undefined };
}
