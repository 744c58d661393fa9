import { readFile } from 'node:fs/promises';

import { expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';
import type { SealContext } from '@seks/crds';

import type { VectorFile } from '../../../crds/testdata/make-sealed-v1.ts';
import { createLocalKms } from './local.ts';

const folder = new URL('../../../crds/testdata/', import.meta.url);

test('unwraps the test vector of seks.v1', async () => {
  const { local } = JSON.parse(await readFile(new URL('sealed-v1.json', folder), 'utf8')) as VectorFile;
  const privateKeyPem = new Secret('data-key', await readFile(new URL(local.privateKeyFile, folder)));
  const kms = createLocalKms({ privateKeysPem: [privateKeyPem] });
  expect(kms.keyIds()).toEqual([local.kid]);
  const wrapped = { kms: 'local' as const, kid: local.kid, edk: local.edk };
  const dataKey = await kms.unwrap(wrapped, local.context as SealContext, new AbortController().signal);
  expect(dataKey.reveal((bytes) => bytes.toString('hex'))).toBe(local.dataKey);
});
