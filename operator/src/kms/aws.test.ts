import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  CreateAliasCommand,
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';
import type { SealContext } from '@seks/crds';

import { createAwsKms } from './aws.ts';
import type { AwsKmsOptions } from './aws.ts';
import type { Kms } from './kms.ts';
import { MOTO_CREDENTIALS, MOTO_START_TIMEOUT_MS, cacheDirectory, startMoto } from './testing/moto.ts';
import type { Moto } from './testing/moto.ts';

const region = 'eu-central-1';
const signal = new AbortController().signal;
const ctx: SealContext = {
  scope: 'strict',
  namespace: 'agents',
  secret: 'alice-keys',
  key: 'openai',
  provider: 'openai',
};
const bytesOf = (secret: Secret): string => secret.reveal((bytes) => bytes.toString('hex'));

describe('AWS KMS against an emulator', () => {
  let moto: Moto;
  let admin: KMSClient;
  let first: string;
  let second: string;

  const kmsFor = (options: Partial<AwsKmsOptions> = {}): Kms =>
    createAwsKms({ endpoint: moto.endpoint, credentials: MOTO_CREDENTIALS, keyIds: [first], ...options });
  const newKey = async (): Promise<string> => {
    const { KeyMetadata } = await admin.send(new CreateKeyCommand({}));
    return KeyMetadata?.Arn ?? '';
  };

  beforeAll(async () => {
    moto = await startMoto(cacheDirectory(process.env));
    admin = new KMSClient({ region, endpoint: moto.endpoint, credentials: MOTO_CREDENTIALS });
    first = await newKey();
    second = await newKey();
  }, MOTO_START_TIMEOUT_MS);

  afterAll(async () => {
    admin?.destroy();
    await moto?.stop();
  });

  test('unwraps what it wrapped, in the same context', async () => {
    const { dataKey, wrapped } = await kmsFor().wrap(ctx, signal);
    expect(dataKey.byteLength).toBe(32);
    expect(wrapped).toMatchObject({ kms: 'aws', kid: first });
    expect(bytesOf(await kmsFor().unwrap(wrapped, ctx, signal))).toBe(bytesOf(dataKey));
  });

  test('each wrapping of one data key unwraps to it', async () => {
    const { dataKey } = await kmsFor().wrap(ctx, signal);
    const other = await kmsFor({ keyIds: [second] }).wrapExisting(dataKey, ctx, signal);
    expect(other.kid).toBe(second);
    const unwrapped = await kmsFor({ keyIds: [first, second] }).unwrap(other, ctx, signal);
    expect(bytesOf(unwrapped)).toBe(bytesOf(dataKey));
  });

  const others: [string, SealContext][] = [
    ['namespace', { ...ctx, namespace: 'other' }],
    ['secret', { ...ctx, secret: 'other' }],
    ['key', { ...ctx, key: 'other' }],
    ['provider', { ...ctx, provider: 'other' }],
    ['scope', { scope: 'namespace', namespace: 'agents', provider: 'openai' }],
  ];
  test.each(others)('KMS refuses another %s', async (_, other) => {
    const { wrapped } = await kmsFor().wrap(ctx, signal);
    await expect(kmsFor().unwrap(wrapped, other, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_UNWRAP_REFUSED',
    });
  });

  test('KMS refuses bytes that it did not wrap', async () => {
    const wrapped = { kms: 'aws' as const, kid: first, edk: randomBytes(96).toString('base64url') };
    await expect(kmsFor().unwrap(wrapped, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_UNWRAP_REFUSED',
    });
  });

  test('does not ask KMS about a key that is not configured', async () => {
    const { wrapped } = await kmsFor({ keyIds: [second] }).wrap(ctx, signal);
    await expect(kmsFor().unwrap(wrapped, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_KMS_KEY_UNKNOWN',
    });
    const local = kmsFor().unwrap({ ...wrapped, kid: first, kms: 'local' }, ctx, signal);
    await expect(local).rejects.toMatchObject({ code: 'SEKS_SEAL_KMS_KEY_UNKNOWN' });
  });

  test('an envelope cannot name one key and be wrapped by another', async () => {
    const { wrapped } = await kmsFor({ keyIds: [second] }).wrap(ctx, signal);
    const swapped = kmsFor({ keyIds: [first, second] }).unwrap({ ...wrapped, kid: first }, ctx, signal);
    await expect(swapped).rejects.toMatchObject({ code: 'SEKS_SEAL_UNWRAP_REFUSED' });
  });

  test('wraps with an alias and names the key by its ARN', async () => {
    const { KeyMetadata } = await admin.send(new DescribeKeyCommand({ KeyId: first }));
    await admin.send(new CreateAliasCommand({ AliasName: 'alias/sealing', TargetKeyId: KeyMetadata?.KeyId }));
    const byAlias = kmsFor({ keyIds: ['alias/sealing'], region });
    expect((await byAlias.wrap(ctx, signal)).wrapped.kid).toBe(first);
    await expect(byAlias.check(signal)).rejects.toMatchObject({ code: 'SEKS_CONFIG_INVALID' });
  });

  test('check passes for enabled keys and refuses disabled and unknown ones', async () => {
    await expect(kmsFor({ keyIds: [first, second] }).check(signal)).resolves.toBeUndefined();
    const disabled = await newKey();
    await admin.send(new DisableKeyCommand({ KeyId: disabled.replace(/^.*\//, '') }));
    await expect(kmsFor({ keyIds: [disabled] }).check(signal)).rejects.toMatchObject({
      code: 'SEKS_CONFIG_INVALID',
    });
    const unknown = first.replace(/[^/]+$/, '11111111-2222-3333-4444-555555555555');
    await expect(kmsFor({ keyIds: [unknown] }).check(signal)).rejects.toMatchObject({
      code: 'SEKS_CONFIG_INVALID',
    });
    await expect(kmsFor({ keyIds: [unknown] }).wrap(ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_WRAP_REFUSED',
    });
  });

  test('an answer that comes too late is no answer, and neither is one that was called off', async () => {
    const { wrapped } = await kmsFor().wrap(ctx, signal);
    const called = kmsFor().unwrap(wrapped, ctx, AbortSignal.abort());
    await expect(called).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
  });
});

describe('AWS KMS that answers badly', () => {
  const servers: Server[] = [];
  const keyId = `arn:aws:kms:${region}:123456789012:key/11111111-2222-3333-4444-555555555555`;
  const wrapped = { kms: 'aws' as const, kid: keyId, edk: 'AAAA' };

  async function kmsBehind(
    answer: ((body: string) => { status: number; body: object }) | 'silence',
    timeoutMs = 10_000,
  ): Promise<Kms> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (answer === 'silence') return;
        const { status, body } = answer(Buffer.concat(chunks).toString());
        response
          .writeHead(status, { 'content-type': 'application/x-amz-json-1.1' })
          .end(JSON.stringify(body));
      });
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    return createAwsKms({ endpoint, credentials: MOTO_CREDENTIALS, keyIds: [keyId], timeoutMs });
  }

  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  test.each([
    ['AccessDeniedException', 400, 'SEKS_SEAL_UNWRAP_REFUSED', 'SEKS_SEAL_WRAP_REFUSED'],
    ['InvalidCiphertextException', 400, 'SEKS_SEAL_UNWRAP_REFUSED', 'SEKS_SEAL_WRAP_REFUSED'],
    ['KMSInvalidStateException', 400, 'SEKS_SEAL_UNWRAP_REFUSED', 'SEKS_SEAL_WRAP_REFUSED'],
    ['ThrottlingException', 400, 'SEKS_KMS_UNAVAILABLE', 'SEKS_KMS_UNAVAILABLE'],
    ['KMSInternalException', 500, 'SEKS_KMS_UNAVAILABLE', 'SEKS_KMS_UNAVAILABLE'],
    ['ExpiredTokenException', 400, 'SEKS_KMS_UNAVAILABLE', 'SEKS_KMS_UNAVAILABLE'],
  ])(
    '%s',
    async (name, status, unwrapCode, wrapCode) => {
      const kms = await kmsBehind(() => ({
        status,
        body: { __type: name, message: 'User: arn:aws:iam::1:user/alice' },
      }));
      const error: unknown = await kms.unwrap(wrapped, ctx, signal).catch((error: unknown) => error);
      expect(error).toMatchObject({ code: unwrapCode, message: expect.stringContaining(name) });
      expect(String(error)).not.toContain('alice');
      await expect(kms.wrap(ctx, signal)).rejects.toMatchObject({ code: wrapCode });
    },
    20_000,
  );

  test('sends the context and the explicit key, and believes no other key or length', async () => {
    const seen: unknown[] = [];
    const answers = [
      { KeyId: keyId, Plaintext: Buffer.alloc(32, 7).toString('base64') },
      { KeyId: `${keyId}0`, Plaintext: Buffer.alloc(32, 7).toString('base64') },
      { KeyId: keyId, Plaintext: Buffer.alloc(31, 7).toString('base64') },
    ];
    const kms = await kmsBehind((body) => {
      seen.push(JSON.parse(body));
      return { status: 200, body: answers.shift() ?? {} };
    });
    expect(bytesOf(await kms.unwrap(wrapped, ctx, signal))).toBe('07'.repeat(32));
    expect(seen[0]).toEqual({
      KeyId: keyId,
      CiphertextBlob: 'AAAA',
      EncryptionContext: {
        'seks:scope': 'strict',
        'seks:namespace': 'agents',
        'seks:secret': 'alice-keys',
        'seks:key': 'openai',
        'seks:provider': 'openai',
      },
    });
    await expect(kms.unwrap(wrapped, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_UNWRAP_REFUSED',
    });
    await expect(kms.unwrap(wrapped, ctx, signal)).rejects.toMatchObject({
      code: 'SEKS_SEAL_UNWRAP_REFUSED',
    });
    await expect(kms.wrap(ctx, signal)).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
  });

  test('silence ends with the timeout, a refused connection at once', async () => {
    const silent = await kmsBehind('silence', 300);
    await expect(silent.unwrap(wrapped, ctx, signal)).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
    const closed = createAwsKms({
      endpoint: 'http://127.0.0.1:1',
      credentials: MOTO_CREDENTIALS,
      keyIds: [keyId],
    });
    await expect(closed.check(signal)).rejects.toMatchObject({ code: 'SEKS_KMS_UNAVAILABLE' });
  });

  test('needs a key id, and no data key of another length', async () => {
    expect(() => createAwsKms({ keyIds: [] })).toThrow('no key id');
    const kms = createAwsKms({ keyIds: [keyId] });
    await expect(kms.wrapExisting(new Secret('data-key', 'short'), ctx, signal)).rejects.toThrow(RangeError);
  });
});
