import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { contentHash } from './content-hash.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hash-'));
  mkdirSync(join(root, 'src', 'deep'), { recursive: true });
  writeFileSync(join(root, 'src', 'deep', 'a.ts'), 'a');
  writeFileSync(join(root, 'Dockerfile'), 'FROM scratch');
});
afterEach(() => rmSync(root, { recursive: true }));

const hash = (): string => contentHash(root, ['Dockerfile', 'src']);

test('is the same for the same content', () => {
  expect(hash()).toBe(hash());
  expect(hash()).toMatch(/^[0-9a-f]{12}$/);
});

test.each([
  ['a changed file', () => writeFileSync(join(root, 'src', 'deep', 'a.ts'), 'b')],
  ['a further file', () => writeFileSync(join(root, 'src', 'b.ts'), '')],
  ['a changed Dockerfile', () => writeFileSync(join(root, 'Dockerfile'), 'FROM other')],
])('is another after %s', (_what, change) => {
  const before = hash();
  change();
  expect(hash()).not.toBe(before);
});

test('tests and installed packages do not count', () => {
  const before = hash();
  mkdirSync(join(root, 'src', 'node_modules'));
  writeFileSync(join(root, 'src', 'node_modules', 'x.js'), '');
  writeFileSync(join(root, 'src', 'a.test.ts'), '');
  expect(hash()).toBe(before);
});
