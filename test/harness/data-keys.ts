// What only an administrator of the release namespace could do: unwrap data keys with the local KMS's private key. The
// tests need the data keys in order to look for them.
import { headerOf, parseEnvelope, readContext, Secret, KMS_LOCAL_SECRET } from '@seks/crds';
import { createLocalKms } from '@seks/operator/kms';
import { createPrivateKey } from 'node:crypto';
import { SYSTEM_NAMESPACE } from './install.ts';
import type { Kubectl, KubeObject } from './kubectl.ts';

interface SecretObject extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}

/** the data key of each envelope in a sealed Secret */
export async function dataKeysOf(kubectl: Kubectl, namespace: string, secret: string): Promise<Buffer[]> {
  const privateKeysPem = (await valuesOf(kubectl, SYSTEM_NAMESPACE, KMS_LOCAL_SECRET))
    .filter((value) => value.includes('PRIVATE KEY'))
    .map((pem) => new Secret('data-key', pem));
  const kms = createLocalKms({ privateKeysPem });
  const envelopes = (await valuesOf(kubectl, namespace, secret)).map(parseEnvelope);
  return Promise.all(
    envelopes.map(async (envelope) => {
      const header = headerOf(envelope);
      const [wrapped] = header.edks;
      if (wrapped === undefined) throw new Error('an envelope without a wrapped data key');
      const dataKey = await kms.unwrap(wrapped, readContext(header), AbortSignal.timeout(5_000));
      return dataKey.reveal((bytes) => Buffer.from(bytes));
    }),
  );
}

/** the local KMS's private keys: their secret exponents, in DER */
export async function kmsPrivateKeys(kubectl: Kubectl): Promise<Buffer[]> {
  return (await valuesOf(kubectl, SYSTEM_NAMESPACE, KMS_LOCAL_SECRET))
    .filter((value) => value.includes('PRIVATE KEY'))
    .map((pem) => Buffer.from(createPrivateKey(pem).export({ format: 'jwk' }).d ?? '', 'base64url'));
}

async function valuesOf(kubectl: Kubectl, namespace: string, name: string): Promise<string[]> {
  const secret = await kubectl.get<SecretObject>('secret', name, namespace);
  return Object.values(secret?.data ?? {}).map((value) => Buffer.from(value, 'base64').toString('utf8'));
}
