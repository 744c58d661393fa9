// Files that are there whole or not at all, whenever the process ends.
import { chmod, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

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
