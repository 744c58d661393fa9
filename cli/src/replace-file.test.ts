import { chmod, mkdtemp, readFile, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterEach, beforeEach, expect, test } from '@jest/globals';

import { replaceFile } from './replace-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seks-replace-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

test('creates a file and replaces one, keeping its mode', async () => {
  const path = join(folder, 'keys.yaml');
  await replaceFile(path, 'one', 'a');
  expect(await readFile(path, 'utf8')).toBe('one');
  await chmod(path, 0o600);
  await replaceFile(path, 'two', 'a');
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['keys.yaml']);
});

test('writes through a symbolic link', async () => {
  const [path, link] = [join(folder, 'keys.yaml'), join(folder, 'link.yaml')];
  await writeFile(path, 'one');
  await symlink(path, link);
  await replaceFile(link, 'two', 'a');
  expect(await readFile(path, 'utf8')).toBe('two');
  expect((await readdir(folder)).sort()).toEqual(['keys.yaml', 'link.yaml']);
});

test('leaves nothing behind when it fails', async () => {
  // A directory cannot be replaced by a file.
  await expect(replaceFile(folder, 'text', 'a')).rejects.toThrow();
  await expect(stat(`${join(folder, '..')}/.${folder.split('/').at(-1)}.a`)).rejects.toThrow('ENOENT');
});

test('never writes to a temporary file that somebody else put there', async () => {
  const path = join(folder, 'keys.yaml');
  await writeFile(join(folder, '.keys.yaml.a'), 'theirs');
  await expect(replaceFile(path, 'text', 'a')).rejects.toThrow('EEXIST');
  expect(await readFile(join(folder, '.keys.yaml.a'), 'utf8')).toBe('theirs');
});
