// A manifest from a file or, for `-`, from a pipe.
import { CliError } from './cli-error.ts';
import { isMissing } from './io.ts';
import type { Io } from './io.ts';

/** manifests are text that people write; more is a mistake */
const MAX_MANIFEST_BYTES = 16 * 1024 * 1024;

export async function readInput(path: string, io: Io): Promise<string> {
  if (path === '-') return (await io.stdin.readAll(MAX_MANIFEST_BYTES)).toString();
  const bytes = await io.readFile(path).catch((cause: unknown) => {
    throw new CliError(`${path} ${isMissing(cause) ? 'does not exist' : 'cannot be read'}`, { cause });
  });
  return bytes.toString();
}
