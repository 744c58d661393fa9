// Reads what the generator needs from the repository and compares it with what stands there.
import { mkdir, readFile, readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';

import type { Sources } from './outputs.ts';

/** reads the generator's inputs below `root` */
export async function readSources(root: string): Promise<Sources> {
  return {
    manifests: await readFolder(join(root, 'crds/manifests')),
    providers: await readFolder(join(root, 'crds/providers')),
    prettier: JSON.parse(await readFile(join(root, '.prettierrc.json'), 'utf8')) as object,
  };
}

/** paths of `files` whose content differs from the one below `root`, or that are missing there */
export async function staleFiles(root: string, files: ReadonlyMap<string, string>): Promise<string[]> {
  const stale: string[] = [];
  for (const [path, content] of files) {
    if ((await readIfPresent(join(root, path))) !== content) stale.push(path);
  }
  return stale;
}

export async function writeFiles(root: string, files: ReadonlyMap<string, string>): Promise<void> {
  for (const [path, content] of files) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
}

async function readFolder(folder: string): Promise<Map<string, string>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return new Map(names.map((name, index) => [name, texts[index] ?? '']));
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error: unknown) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
