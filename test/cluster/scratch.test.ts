import { existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { withScratchDir } from './scratch.ts';

const cache = (): string => mkdtempSync(join(tmpdir(), 'scratch-'));

test('the folder is gone afterwards, also when the work fails', async () => {
  const cacheDir = cache();
  let seen = '';
  const work = withScratchDir(cacheDir, 'tools-helm', (folder) => {
    seen = folder;
    writeFileSync(join(folder, 'half'), '');
    return Promise.reject(new Error('interrupted'));
  });
  await expect(work).rejects.toThrow('interrupted');
  expect(existsSync(seen)).toBe(false);
});

test('leftovers of the same purpose are removed, others stay', async () => {
  const cacheDir = cache();
  for (const name of ['tools-helm-AbCdEf', 'tools-helm-x-AbCdEf', 'pause-AbCdEf']) {
    mkdirSync(join(cacheDir, 'tmp', name), { recursive: true });
  }
  await withScratchDir(cacheDir, 'tools-helm', () => Promise.resolve());
  expect(readdirSync(join(cacheDir, 'tmp')).toSorted()).toEqual(['pause-AbCdEf', 'tools-helm-x-AbCdEf']);
});
