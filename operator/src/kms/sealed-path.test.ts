// The whole way of a key: sealed with a public key, unwrapped by the key service's KMS, opened by the sidecar.
import { randomBytes } from 'node:crypto';

import { expect, test } from '@jest/globals';
import {
  Secret,
  SeksError,
  acceptedWrappings,
  checkContext,
  headerOf,
  openEnvelope,
  parseEnvelope,
  sealContextFor,
  sealKey,
} from '@seks/crds';
import * as fc from 'fast-check';

import { createLocalKms, generateLocalKeyPair } from './local.ts';

const found = { namespace: 'agents', secret: 'alice-keys', key: 'openai', provider: 'openai' };
const ctx = sealContextFor('strict', found);
const signal = new AbortController().signal;
const pair = await generateLocalKeyPair();
const sealer = createLocalKms({ publicKeyPem: pair.publicKeyPem });
const service = createLocalKms({ privateKeysPem: [pair.privateKeyPem] });

async function seal(key: string): Promise<string> {
  const { dataKey, wrapped } = await sealer.wrap(ctx, signal);
  return sealKey(new Secret('provider-key', key), ctx, { dataKey, edks: [wrapped] }, randomBytes);
}

async function open(text: string): Promise<string> {
  const envelope = parseEnvelope(text);
  const header = headerOf(envelope);
  const verified = checkContext(header, found);
  const [wrapped] = acceptedWrappings(header, service.keyIds());
  if (wrapped === undefined) throw new Error('no wrapping');
  const dataKey = await service.unwrap(wrapped, verified, signal);
  return (await openEnvelope(envelope, dataKey, found)).reveal((bytes) => bytes.toString());
}

test('a sealed key comes back', async () => {
  expect(await open(await seal('sk-live-1'))).toBe('sk-live-1');
});

test('S7: any single bit flip anywhere is refused', async () => {
  const text = Buffer.from(await seal('sk-live-1'));
  await fc.assert(
    fc.asyncProperty(fc.nat(text.length * 8 - 1), async (bit) => {
      const flipped = Buffer.from(text);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      await expect((async () => open(flipped.toString()))()).rejects.toBeInstanceOf(SeksError);
    }),
    { numRuns: 500 },
  );
});

test('wrappings exchanged between two envelopes of one place do not open either', async () => {
  const [one, two] = [parseEnvelope(await seal('sk-1')), parseEnvelope(await seal('sk-2'))];
  const exchanged = JSON.stringify({ ...one, unprotected: two.unprotected });
  await expect(open(exchanged)).rejects.toMatchObject({ code: 'SEKS_SEAL_COMMITMENT_MISMATCH' });
});

test('a wrapping moved from another place is refused by the KMS', async () => {
  const elsewhere = { ...ctx, namespace: 'other' };
  const { wrapped } = await sealer.wrap(elsewhere, signal);
  const moved = JSON.stringify({ ...parseEnvelope(await seal('sk-1')), unprotected: { edks: [wrapped] } });
  await expect(open(moved)).rejects.toMatchObject({ code: 'SEKS_SEAL_UNWRAP_REFUSED' });
});
