import { createPublicKey, generateKeyPairSync, publicEncrypt, randomBytes, constants } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import { Secret, SeksError } from '@seks/crds';
import type { SealContext } from '@seks/crds';

import { createLocalKms, generateLocalKeyPair, localKeyId, publicKeyPemOf } from './local.ts';

const signal = new AbortController().signal;
const ctx: SealContext = {
  scope: 'strict',
  namespace: 'agents',
  secret: 'alice-keys',
  key: 'openai',
  provider: 'openai',
};
const old = await generateLocalKeyPair();
const current = await generateLocalKeyPair();
const bytesOf = (secret: Secret): string => secret.reveal((bytes) => bytes.toString('hex'));

describe('local KMS', () => {
  test('S3: whoever has only the public key wraps and cannot unwrap', async () => {
    const sealer = createLocalKms({ publicKeyPem: current.publicKeyPem });
    const { dataKey, wrapped } = await sealer.wrap(ctx, signal);
    expect(dataKey.byteLength).toBe(32);
    expect(wrapped).toMatchObject({ kms: 'local', kid: current.kid });
    expect(sealer.keyIds()).toEqual([]);
    await expect(sealer.unwrap(wrapped, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_KMS_KEY_UNKNOWN',
    });
    const service = createLocalKms({ privateKeysPem: [current.privateKeyPem] });
    expect(bytesOf(await service.unwrap(wrapped, ctx, signal))).toBe(bytesOf(dataKey));
  });

  test('wraps with the first key and unwraps with each', async () => {
    const before = createLocalKms({ privateKeysPem: [old.privateKeyPem] });
    const rotated = createLocalKms({ privateKeysPem: [current.privateKeyPem, old.privateKeyPem] });
    const { dataKey, wrapped } = await before.wrap(ctx, signal);
    expect(rotated.keyIds()).toEqual([current.kid, old.kid]);
    expect(bytesOf(await rotated.unwrap(wrapped, ctx, signal))).toBe(bytesOf(dataKey));
    expect((await rotated.wrap(ctx, signal)).wrapped.kid).toBe(current.kid);
    const again = await rotated.wrapExisting(dataKey, ctx, signal);
    expect(again.kid).toBe(current.kid);
    expect(bytesOf(await rotated.unwrap(again, ctx, signal))).toBe(bytesOf(dataKey));
    await expect(before.unwrap(again, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_KMS_KEY_UNKNOWN',
    });
  });

  const others: [string, SealContext][] = [
    ['namespace', { ...ctx, namespace: 'other' }],
    ['secret', { ...ctx, secret: 'other' }],
    ['key', { ...ctx, key: 'other' }],
    ['provider', { ...ctx, provider: 'other' }],
    ['scope', { scope: 'namespace', namespace: 'agents', provider: 'openai' }],
  ];
  test.each(others)('refuses to unwrap in another %s', async (_, other) => {
    const kms = createLocalKms({ privateKeysPem: [current.privateKeyPem] });
    const { wrapped } = await kms.wrap(ctx, signal);
    await expect(kms.unwrap(wrapped, other, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_UNWRAP_REFUSED',
    });
  });

  test('S8: every broken wrapping is refused alike, without a cause', async () => {
    const kms = createLocalKms({ privateKeysPem: [current.privateKeyPem] });
    const { wrapped } = await kms.wrap(ctx, signal);
    const bytes = Buffer.from(wrapped.edk, 'base64url');
    const flipped = Buffer.from(bytes);
    flipped[100] = (flipped[100] ?? 0) ^ 1;
    const key = { key: createPublicKey(current.publicKeyPem), padding: constants.RSA_PKCS1_OAEP_PADDING };
    const withoutContext = publicEncrypt({ ...key, oaepHash: 'sha256' }, randomBytes(32));
    const otherHash = publicEncrypt({ ...key, oaepHash: 'sha1' }, randomBytes(64));
    const broken = [
      flipped,
      bytes.subarray(0, 100),
      Buffer.alloc(0),
      withoutContext,
      otherHash,
      randomBytes(384),
    ];
    const messages = await Promise.all(
      broken.map(async (edk) => {
        const refused = kms.unwrap({ ...wrapped, edk: edk.toString('base64url') }, ctx, signal);
        return refused.then(
          () => 'opened',
          (error: Error) => `${error.message} ${String(error.cause)}`,
        );
      }),
    );
    expect(new Set(messages)).toEqual(
      new Set(['The KMS refused to unwrap the data key in this context. undefined']),
    );
  });

  test('does not answer for a wrapping that another kind of KMS made', async () => {
    const kms = createLocalKms({ privateKeysPem: [current.privateKeyPem] });
    const { wrapped } = await kms.wrap(ctx, signal);
    const foreign = kms.unwrap({ ...wrapped, kms: 'aws' }, ctx, signal);
    await expect(foreign).rejects.toMatchObject({ code: 'SEKS_SEAL_KMS_KEY_UNKNOWN' });
  });

  test('refuses data keys of another length and contexts that are none', async () => {
    const kms = createLocalKms({ publicKeyPem: current.publicKeyPem });
    const short = kms.wrapExisting(new Secret('data-key', randomBytes(16)), ctx, signal);
    await expect(short).rejects.toThrow(RangeError);
    await expect(kms.wrap({ ...ctx, namespace: 'A B' }, signal)).rejects.toThrow(RangeError);
  });

  test('its key id is the thumbprint of the public key', () => {
    expect(localKeyId(createPublicKey(current.publicKeyPem))).toBe(current.kid);
    expect(current.kid).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(publicKeyPemOf(current.privateKeyPem)).toBe(current.publicKeyPem);
  });

  test('check passes', async () => {
    await expect(
      createLocalKms({ privateKeysPem: [old.privateKeyPem] }).check(signal),
    ).resolves.toBeUndefined();
  });
});

describe('keys that the local KMS refuses', () => {
  const pem = (key: { export(options: { type: 'spki'; format: 'pem' }): string | Buffer }): string =>
    key.export({ type: 'spki', format: 'pem' }).toString();
  const small = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const curve = generateKeyPairSync('ed25519');

  test.each([
    ['too short', pem(small.publicKey)],
    ['not RSA', pem(curve.publicKey)],
    ['not PEM', 'sealing key'],
  ])('%s', (_, publicKeyPem) => {
    expect(codeOf(() => createLocalKms({ publicKeyPem }))).toBe('SEKS_CONFIG_INVALID');
  });

  test('none at all, and a private key that does not parse', () => {
    const broken = new Secret('data-key', 'x');
    expect(codeOf(() => createLocalKms({ privateKeysPem: [] }))).toBe('SEKS_CONFIG_INVALID');
    expect(codeOf(() => createLocalKms({ privateKeysPem: [broken] }))).toBe('SEKS_CONFIG_INVALID');
  });
});

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof SeksError) return error.code;
    throw error;
  }
  return 'no error';
}
