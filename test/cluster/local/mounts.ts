import { readFileSync } from 'node:fs';
import { attempt, findProgram } from '../command.ts';

/** Mount points at or below one of the folders, the deepest (last mounted) first. */
export function mountPointsBelow(mountInfo: string, folders: readonly string[]): string[] {
  return mountInfo
    .split('\n')
    .map((line) => unescapeOctal(line.split(' ')[4] ?? ''))
    .filter((point) => folders.some((folder) => point === folder || point.startsWith(`${folder}/`)))
    .reverse();
}

/** The kernel writes a space in a path as \040 */
function unescapeOctal(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_match, digits: string) =>
    String.fromCodePoint(Number.parseInt(digits, 8)),
  );
}

export function readMountInfo(): string {
  return readFileSync('/proc/self/mountinfo', 'utf8');
}

/** Unmounts everything below the folders; what is still busy is detached and goes when its last user ends. */
export async function unmountBelow(folders: readonly string[]): Promise<string[]> {
  const umount = findProgram('umount') ?? 'umount';
  for (const point of mountPointsBelow(readMountInfo(), folders)) {
    if ((await attempt(umount, [point])).code !== 0) await attempt(umount, ['-l', point]);
  }
  return mountPointsBelow(readMountInfo(), folders);
}
