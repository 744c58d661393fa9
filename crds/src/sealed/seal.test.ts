import { randomBytes } from 'node:crypto';

import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { SeksError } from '../errors/seks-error.ts';
import { Secret } from '../secret.ts';
import { sealContextFor } from './context.ts';
import type { FoundContext } from './context.ts';
import type { SealContext, WrappedDataKey } from './envelope.ts';
import { pickWrapping, readContext } from './header.ts';
import { MAX_PLAINTEXT_BYTES, headerOf, parseEnvelope } from './parse.ts';
import { openEnvelope, sealKey } from './seal.ts';

const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const strict = sealContextFor('strict', found);
const edks: WrappedDataKey[] = [{ kms: 'local', kid: 'kid-1', edk: randomBytes(96).toString('base64url') }];
const dataKey = new Secret('data-key', randomBytes(32));
const provided = new Secret('provider-key', 'sk-live-1');

const label = fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?$/);
const place: fc.Arbitrary<FoundContext> = fc.record({
  namespace: label,
  secret: label,
  key: fc.stringMatching(/^[-._a-zA-Z0-9]{1,20}$/),
  provider: label,
});
const scope = fc.constantFrom<SealContext['scope']>('strict', 'namespace');

/** opens as a sidecar and a key service would: the data key comes back only for the wrapping that was made */
async function open(text: string, where: FoundContext): Promise<string> {
  const envelope = parseEnvelope(text);
  const wrapped = pickWrapping(headerOf(envelope), ['kid-1']);
  const unwrapped = wrapped.edk === edks[0]?.edk ? dataKey : new Secret('data-key', randomBytes(32));
  return (await openEnvelope(envelope, unwrapped, where)).reveal((bytes) => bytes.toString('hex'));
}

async function codeOf(opening: Promise<string>): Promise<string> {
  return opening.then(
    () => 'opened',
    (error: unknown) => (error instanceof SeksError ? error.code : String(error)),
  );
}

describe('sealKey and openEnvelope', () => {
  test('every key comes back, in each scope, from where it was sealed for', async () => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 300 });
    await fc.assert(
      fc.asyncProperty(key, place, scope, async (bytes, where, scope) => {
        const ctx = sealContextFor(scope, where);
        const text = await sealKey(new Secret('provider-key', bytes), ctx, { dataKey, edks }, randomBytes);
        expect(text).not.toMatch(/\s/);
        expect(readContext(headerOf(parseEnvelope(text)))).toEqual(ctx);
        expect(await open(text, where)).toBe(Buffer.from(bytes).toString('hex'));
      }),
    );
  });

  test('S7: any other context is refused', async () => {
    await fc.assert(
      fc.asyncProperty(place, place, scope, async (sealedFor, where, scope) => {
        const text = await sealKey(
          provided,
          sealContextFor(scope, sealedFor),
          { dataKey, edks },
          randomBytes,
        );
        const same =
          sealedFor.namespace === where.namespace &&
          sealedFor.provider === where.provider &&
          (scope === 'namespace' || (sealedFor.secret === where.secret && sealedFor.key === where.key));
        const code = await codeOf(open(text, where));
        if (same) expect(code).toBe('opened');
        else expect(code).toMatch(/^SEKS_SEAL_WRONG_(NAMESPACE|SECRET|KEY|PROVIDER)$/);
      }),
    );
  });

  test.each([
    ['namespace', 'SEKS_SEAL_WRONG_NAMESPACE'],
    ['secret', 'SEKS_SEAL_WRONG_SECRET'],
    ['key', 'SEKS_SEAL_WRONG_KEY'],
    ['provider', 'SEKS_SEAL_WRONG_PROVIDER'],
  ])('a context that differs in nothing but the %s', async (field, code) => {
    const text = await sealKey(provided, strict, { dataKey, edks }, randomBytes);
    expect(await codeOf(open(text, { ...found, [field]: 'other' }))).toBe(code);
  });

  test('S7: any single bit flip anywhere is refused', async () => {
    const text = Buffer.from(await sealKey(provided, strict, { dataKey, edks }, randomBytes));
    const codes = new Set<string>();
    for (let bit = 0; bit < text.length * 8; bit += 1) {
      const flipped = Buffer.from(text);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      codes.add(await codeOf(open(flipped.toString(), found)));
    }
    expect([...codes].sort()).toEqual(
      expect.arrayContaining([
        'SEKS_SEAL_COMMITMENT_MISMATCH',
        'SEKS_SEAL_CORRUPT',
        'SEKS_SEAL_KMS_KEY_UNKNOWN',
        'SEKS_SEAL_MALFORMED',
        'SEKS_SECRET_NOT_SEALED',
      ]),
    );
    for (const code of codes) expect(code).toMatch(/^SEKS_(SEAL_|SECRET_NOT_SEALED)/);
  });

  test('S7: a truncation at any length is refused', async () => {
    const text = await sealKey(provided, strict, { dataKey, edks }, randomBytes);
    for (let length = 0; length < text.length; length += 1) {
      const cut = text.slice(0, length);
      expect(() => parseEnvelope(cut)).toThrow(SeksError);
      expect(() => parseEnvelope(`${cut}\n`)).toThrow(SeksError);
    }
  });

  test('S7: any change of one character in the header of an authenticated envelope is refused', async () => {
    const text = await sealKey(provided, strict, { dataKey, edks }, randomBytes);
    const envelope = parseEnvelope(text);
    const header = Buffer.from(envelope.protected, 'base64url').toString();
    await fc.assert(
      fc.asyncProperty(
        fc.nat(header.length - 1),
        fc.string({ minLength: 0, maxLength: 2 }),
        async (at, other) => {
          fc.pre(other !== header[at]);
          const edited = Buffer.from(header.slice(0, at) + other + header.slice(at + 1)).toString(
            'base64url',
          );
          expect(await codeOf(open(text.replace(envelope.protected, edited), found))).toMatch(/^SEKS_SEAL_/);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  test('equal keys under an equal data key make different envelopes', async () => {
    const texts = await Promise.all(
      Array.from({ length: 20 }, async () => sealKey(provided, strict, { dataKey, edks }, randomBytes)),
    );
    const members = texts.map(parseEnvelope);
    for (const member of ['protected', 'iv', 'ciphertext', 'tag'] as const) {
      expect(new Set(members.map((envelope) => envelope[member])).size).toBe(20);
    }
  });

  test('a data key of another length is not the committed one', async () => {
    const text = await sealKey(provided, strict, { dataKey, edks }, randomBytes);
    const short = openEnvelope(parseEnvelope(text), new Secret('data-key', 'short'), found);
    await expect(short).rejects.toMatchObject({ code: 'SEKS_SEAL_COMMITMENT_MISMATCH' });
  });

  test('S1: the plain key is nowhere in the envelope', async () => {
    const canary = randomBytes(24).toString('base64url');
    const text = await sealKey(new Secret('provider-key', canary), strict, { dataKey, edks }, randomBytes);
    expect(text).not.toContain(canary);
    expect(text).not.toContain(Buffer.from(canary).toString('base64url'));
    expect(text).not.toContain(dataKey.reveal((bytes) => bytes.toString('base64url')));
  });

  test('the largest key seals, a larger or empty one does not', async () => {
    const sealed = (size: number): Promise<string> =>
      sealKey(new Secret('provider-key', Buffer.alloc(size, 'k')), strict, { dataKey, edks }, randomBytes);
    expect(await open(await sealed(MAX_PLAINTEXT_BYTES), found)).toHaveLength(MAX_PLAINTEXT_BYTES * 2);
    await expect(sealed(MAX_PLAINTEXT_BYTES + 1)).rejects.toThrow(RangeError);
    await expect(sealed(0)).rejects.toThrow(RangeError);
  });

  test.each([
    ['namespace', { ...strict, namespace: 'a/b' }],
    ['provider', { ...strict, provider: 'Open AI' }],
    ['secret', { ...strict, secret: '../x' }],
    ['key', { ...strict, key: 'a b' }],
    ['missing key', { ...strict, key: undefined }],
    ['key in scope namespace', { ...strict, scope: 'namespace' as const }],
  ])('does not seal for a context with a wrong %s', async (_, ctx) => {
    await expect(sealKey(provided, ctx, { dataKey, edks }, randomBytes)).rejects.toThrow(RangeError);
  });

  test('does not seal with a short data key, without a wrapping or with two by one KMS key', async () => {
    const short = { dataKey: new Secret('data-key', 'short'), edks };
    await expect(sealKey(provided, strict, short, randomBytes)).rejects.toThrow(RangeError);
    for (const wrong of [[], [...edks, ...edks]]) {
      const sealed = sealKey(provided, strict, { dataKey, edks: wrong }, randomBytes);
      await expect(sealed).rejects.toMatchObject({ code: 'SEKS_SEAL_MALFORMED' });
    }
  });
});
