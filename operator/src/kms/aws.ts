// AWS KMS. The seal context is the EncryptionContext, so a key policy can limit who unwraps what, and CloudTrail shows
// which key was unwrapped for which Secret. Decrypt always names its KeyId: without it AWS would use any key that fits.
import type { DecryptCommandOutput, KMSClient } from '@aws-sdk/client-kms';
import { Secret, SeksError, encryptionContext } from '@seks/crds';
import type { WrappedDataKey } from '@seks/crds';

import { DATA_KEY_BYTES } from './kms.ts';
import type { Kms } from './kms.ts';

export interface AwsKmsOptions {
  /** trusted keys, full key ARNs; for wrapping only, key ids and aliases work too */
  keyIds: readonly string[];
  /** omitted: the region of the first key's ARN, else what the AWS SDK finds */
  region?: string;
  /** omitted: the region's public endpoint */
  endpoint?: string;
  /** omitted: the SDK's default chain (pod identity, web identity, environment, profile) */
  credentials?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
  /** longest time for one operation, its retries included, in `ms` */
  timeoutMs?: number;
}

type Sdk = typeof import('@aws-sdk/client-kms');
type Operation = 'wrap' | 'unwrap' | 'check';

const DEFAULT_TIMEOUT_MS = 5_000;
const CONNECTION_TIMEOUT_MS = 2_000;

/** errors with which KMS decided; every other one may pass by itself */
const DECIDED = new Set([
  'AccessDeniedException',
  'DisabledException',
  'IncorrectKeyException',
  'InvalidArnException',
  'InvalidCiphertextException',
  'InvalidGrantTokenException',
  'InvalidKeyUsageException',
  'KMSInvalidStateException',
  'NotFoundException',
  'ValidationException',
]);

/** creates the AWS KMS adapter; the SDK is loaded at its first use, so installations without AWS never pay for it */
export function createAwsKms(options: AwsKmsOptions): Kms {
  const { keyIds } = options;
  const [currentKeyId] = keyIds;
  if (currentKeyId === undefined) throw new SeksError('SEKS_CONFIG_INVALID', 'The AWS KMS has no key id.');
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  let loaded: Promise<{ sdk: Sdk; client: KMSClient }> | undefined;

  async function call<T>(
    operation: Operation,
    signal: AbortSignal,
    send: (sdk: Sdk, client: KMSClient, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    loaded ??= load(options);
    const { sdk, client } = await loaded;
    try {
      return await send(sdk, client, {
        abortSignal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
      });
    } catch (cause) {
      throw translate(operation, cause);
    }
  }

  return {
    kms: 'aws',
    keyIds: () => keyIds,

    async wrap(ctx, signal) {
      const answer = await call('wrap', signal, (sdk, client, options) => {
        const request = {
          KeyId: currentKeyId,
          KeySpec: 'AES_256',
          EncryptionContext: encryptionContext(ctx),
        } as const;
        return client.send(new sdk.GenerateDataKeyCommand(request), options);
      });
      const dataKey = takeDataKey(answer.Plaintext);
      return { dataKey, wrapped: wrappedBy(answer.KeyId, answer.CiphertextBlob) };
    },

    async wrapExisting(dataKey, ctx, signal) {
      if (dataKey.byteLength !== DATA_KEY_BYTES)
        throw new RangeError(`a data key has ${DATA_KEY_BYTES} bytes`);
      const answer = await call('wrap', signal, (sdk, client, options) =>
        dataKey.reveal((Plaintext) => {
          const request = { KeyId: currentKeyId, Plaintext, EncryptionContext: encryptionContext(ctx) };
          return client.send(new sdk.EncryptCommand(request), options);
        }),
      );
      return wrappedBy(answer.KeyId, answer.CiphertextBlob);
    },

    async unwrap(wrapped, ctx, signal) {
      if (wrapped.kms !== 'aws' || !keyIds.includes(wrapped.kid))
        throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
      const answer: DecryptCommandOutput = await call('unwrap', signal, (sdk, client, options) => {
        const request = {
          KeyId: wrapped.kid,
          CiphertextBlob: Buffer.from(wrapped.edk, 'base64url'),
          EncryptionContext: encryptionContext(ctx),
        };
        return client.send(new sdk.DecryptCommand(request), options);
      });
      if (answer.KeyId !== wrapped.kid || answer.Plaintext?.length !== DATA_KEY_BYTES) {
        answer.Plaintext?.fill(0);
        throw new SeksError('SEKS_SEAL_UNWRAP_REFUSED');
      }
      return takeDataKey(answer.Plaintext);
    },

    async check(signal) {
      for (const keyId of keyIds) {
        const { KeyMetadata: key } = await call('check', signal, (sdk, client, options) =>
          client.send(new sdk.DescribeKeyCommand({ KeyId: keyId }), options),
        );
        // An envelope names its key by ARN, so an alias would never match one.
        if (key?.Arn !== keyId)
          throw new SeksError('SEKS_CONFIG_INVALID', `KMS key ${keyId} must be named by its ARN.`);
        if (key.KeyState !== 'Enabled' || key.KeySpec !== 'SYMMETRIC_DEFAULT') {
          throw new SeksError(
            'SEKS_CONFIG_INVALID',
            `KMS key ${keyId} is not an enabled symmetric encryption key.`,
          );
        }
      }
    },
  };
}

async function load(options: AwsKmsOptions): Promise<{ sdk: Sdk; client: KMSClient }> {
  const sdk = await import('@aws-sdk/client-kms');
  const region = options.region ?? regionOf(options.keyIds[0]);
  const client = new sdk.KMSClient({
    ...(region === undefined ? {} : { region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    requestHandler: { connectionTimeout: CONNECTION_TIMEOUT_MS },
  });
  return { sdk, client };
}

function regionOf(keyId: string | undefined): string | undefined {
  const [, , service, region] = (keyId ?? '').split(':');
  return service === 'kms' && region !== '' ? region : undefined;
}

function takeDataKey(plaintext: Uint8Array | undefined): Secret<'data-key'> {
  if (plaintext?.length !== DATA_KEY_BYTES)
    throw new SeksError('SEKS_KMS_UNAVAILABLE', 'It returned no data key.');
  const dataKey = new Secret('data-key', plaintext);
  plaintext.fill(0);
  return dataKey;
}

function wrappedBy(kid: string | undefined, blob: Uint8Array | undefined): WrappedDataKey {
  if (kid === undefined || blob === undefined)
    throw new SeksError('SEKS_KMS_UNAVAILABLE', 'It returned no wrapped key.');
  return { kms: 'aws', kid, edk: Buffer.from(blob).toString('base64url') };
}

function translate(operation: Operation, cause: unknown): SeksError {
  const name = cause instanceof Error ? cause.name : 'unknown';
  // The name of AWS's error is safe to show; its message may quote the caller's identity.
  const detail = `The call to AWS KMS ended with ${name}.`;
  if (!DECIDED.has(name)) return new SeksError('SEKS_KMS_UNAVAILABLE', detail, { cause });
  if (operation === 'unwrap') return new SeksError('SEKS_SEAL_UNWRAP_REFUSED', detail, { cause });
  if (operation === 'wrap') return new SeksError('SEKS_SEAL_WRAP_REFUSED', detail, { cause });
  return new SeksError('SEKS_CONFIG_INVALID', detail, { cause });
}
