// Replacing a file in one step: a crash or a full disk leaves the old one.
import { open, realpath, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

import { isMissing } from './io.ts';

const NEW_FILE_MODE = 0o644;

/** writes beside the file and renames over it; keeps its mode, and follows a symbolic link instead of replacing it */
export async function replaceFile(path: string, text: string, suffix: string): Promise<void> {
  const target = await realpath(path).catch((error: unknown) => {
    if (isMissing(error)) return path;
    throw error;
  });
  const mode = await stat(target).then(
    (stats) => stats.mode & 0o777,
    () => NEW_FILE_MODE,
  );
  const temporary = join(dirname(target), `.${basename(target)}.${suffix}`);
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.chmod(mode);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
