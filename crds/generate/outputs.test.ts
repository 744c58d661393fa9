import { fileURLToPath } from 'node:url';

import { describe, expect, test } from '@jest/globals';

import { ERROR_CODES, reasonOf } from '../src/errors/catalogue.ts';
import { errorReference } from './error-reference.ts';
import { generate } from './outputs.ts';
import { readSources, staleFiles } from './repository.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('generated files', () => {
  test('are up to date (else run `npm run generate`)', async () => {
    const files = await generate(await readSources(root));
    expect([...files.keys()]).toEqual(
      expect.arrayContaining([
        'crds/src/generated/seks-binding.ts',
        'crds/src/generated/seks-provider.ts',
        'crds/src/generated/catalogue.ts',
        'charts/seks/files/crds/seksbindings.yaml',
        'charts/seks/files/crds/seksproviders.yaml',
        'docs/errors.md',
      ]),
    );
    expect(await staleFiles(root, files)).toEqual([]);
  });

  test('a change of a source makes the file stale', async () => {
    const sources = await readSources(root);
    const manifests = new Map(
      [...sources.manifests].map(([name, text]) => [name, text.replace('description: Name for people.', '')]),
    );
    expect(await staleFiles(root, await generate({ ...sources, manifests }))).toEqual([
      'crds/src/generated/seks-provider.ts',
      'charts/seks/files/crds/seksproviders.yaml',
    ]);
  });
});

describe('error reference', () => {
  test('has one row for each code, with its condition reason', () => {
    const rows = errorReference()
      .split('\n')
      .filter((line) => line.startsWith('| `SEKS_'));
    expect(rows).toHaveLength(ERROR_CODES.length);
    for (const code of ERROR_CODES) {
      expect(
        rows.filter((row) => row.startsWith(`| \`${code}\` |`) && row.endsWith(`| \`${reasonOf(code)}\` |`)),
      ).toHaveLength(1);
    }
  });
});
