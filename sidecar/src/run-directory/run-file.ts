// Files of the run directory, which outlive the container: there whole or not at all, whenever the process ends.
import { chmod, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** the text of a file; undefined if there is none, and only then */
export async function readIfThere(directory: string, name: string): Promise<string | undefined> {
  try {
    return await readFile(join(directory, name), 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw cause;
  }
}

/** puts a file in the place of the old one */
export async function writeAtomically(
  directory: string,
  name: string,
  content: string | Uint8Array,
  { mode, randomBytes }: { mode: number; randomBytes: (size: number) => Buffer },
): Promise<void> {
  const temporary = join(directory, `.${name}.${randomBytes(8).toString('hex')}`);
  try {
    await writeFile(temporary, content, { flag: 'wx', mode: 0o600 });
    // After the content, and whatever the umask says. By path: Node's permission model refuses it by descriptor.
    await chmod(temporary, mode);
    await rename(temporary, join(directory, name));
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}
