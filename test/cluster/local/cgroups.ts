import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { waitUntil } from '../wait-until.ts';

/** Where cgroup hierarchies are mounted that a pod's processes are put into: one for v2, several for v1. */
export function cgroupMounts(mountInfo: string): string[] {
  const points = mountInfo.split('\n').flatMap((line) => {
    const [left = '', right = ''] = line.split(' - ');
    const point = left.split(' ')[4];
    return point !== undefined && /^cgroup2? /.test(right) ? [point] : [];
  });
  return [...new Set(points)];
}

export function makeCgroups(mounts: readonly string[], name: string): void {
  for (const mount of mounts) {
    try {
      mkdirSync(join(mount, name), { recursive: true });
    } catch {
      // A named hierarchy without controllers may be read-only; the kubelet does not need it.
    }
  }
}

/** Ends the processes in our cgroup (whose name nobody else uses) and removes it, the deepest folders first. */
export async function removeCgroups(mounts: readonly string[], name: string): Promise<void> {
  for (const mount of mounts) {
    const folders = foldersBelow(join(mount, name));
    for (const folder of folders) {
      for (const pid of readPids(folder)) killQuietly(pid);
    }
  }
  for (const mount of mounts) {
    await waitUntil(
      () => {
        const folders = foldersBelow(join(mount, name));
        for (const folder of folders) {
          try {
            rmdirSync(folder);
          } catch {
            // Still holds an ending process; the next round gets it.
          }
        }
        return foldersBelow(join(mount, name)).length === 0;
      },
      { what: `the cgroup ${join(mount, name)} to become empty`, timeoutMs: 10_000, intervalMs: 50 },
    );
  }
}

/** The deepest first, the folder itself last; nothing where it does not exist. */
function foldersBelow(folder: string): string[] {
  try {
    const children = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    return [...children.flatMap((entry) => foldersBelow(join(folder, entry.name))), folder];
  } catch {
    return [];
  }
}

function readPids(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map(Number);
  } catch {
    return [];
  }
}

function killQuietly(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Already gone.
  }
}
