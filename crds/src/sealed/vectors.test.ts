import { readFile } from 'node:fs/promises';

import { describe, expect, test } from '@jest/globals';

import { makeVectors } from '../../testdata/make-sealed-v1.ts';
import type { VectorFile } from '../../testdata/make-sealed-v1.ts';
import { Secret } from '../secret.ts';
import { canonicalContext, contextDigest } from './context.ts';
import type { SealContext } from './envelope.ts';
import { parseEnvelope } from './parse.ts';
import { openEnvelope } from './seal.ts';

const folder = new URL('../../testdata/', import.meta.url);
const file = JSON.parse(await readFile(new URL('sealed-v1.json', folder), 'utf8')) as VectorFile;

const open = async ({ envelope, dataKey, found }: VectorFile['vectors'][number]): Promise<string> => {
  const opened = await openEnvelope(
    parseEnvelope(envelope),
    new Secret('data-key', Buffer.from(dataKey, 'hex')),
    found,
  );
  return opened.reveal((bytes) => bytes.toString());
};
const positive = file.vectors.filter(({ error }) => error === undefined);
const negative = file.vectors.filter(({ error }) => error !== undefined);

describe('test vectors of seks.v1', () => {
  test('are what their script makes', async () => {
    const pem = await readFile(new URL(file.local.privateKeyFile, folder), 'utf8');
    expect(makeVectors(pem)).toEqual(file);
    expect(positive.length).toBeGreaterThanOrEqual(8);
    expect(negative.length).toBeGreaterThanOrEqual(40);
    expect(new Set(file.vectors.map(({ name }) => name)).size).toBe(file.vectors.length);
  });

  test.each(positive)('opens: $name', async (vector) => {
    expect(await open(vector)).toBe(vector.plaintext);
  });

  test.each(negative)('S7: refuses with $error: $name', async (vector) => {
    await expect((async () => open(vector))()).rejects.toMatchObject({ code: vector.error });
  });

  test('a refusal never quotes the value', async () => {
    const plain = negative.filter(({ error }) => error === 'SEKS_SECRET_NOT_SEALED');
    for (const vector of [...plain, { ...plain[0]!, envelope: '{"protected":"sk-live-1234' }]) {
      const error: unknown = await open(vector).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(Error);
      expect(String(error)).not.toMatch(/sk-|service_account/);
      expect((error as Error).cause).toBeUndefined();
    }
  });

  test('the canonical context and its digest', () => {
    const context = file.local.context as SealContext;
    expect(canonicalContext(context)).toBe(file.local.canonicalContext);
    expect(contextDigest(context).toString('hex')).toBe(file.local.contextDigest);
  });
});
