// Every regular file of the container, on every file system but the kernel's own.
import { closeSync, constants, lstatSync, openSync, opendirSync, readFileSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Scanner } from './scanner.ts';

export interface FileCoverage {
  files: number;
  bytes: number;
  /** files and folders that could not be read, with the reason */
  unreadable: string[];
}

export interface Mount {
  readonly path: string;
  readonly type: string;
}

/** file systems that are views of the kernel; /proc is searched on its own */
const KERNEL_FILE_SYSTEMS = new Set([
  'proc',
  'sysfs',
  'cgroup',
  'cgroup2',
  'devpts',
  'securityfs',
  'bpf',
  'tracefs',
]);

export function listMounts(): Mount[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => {
      const [fields = '', rest = ''] = line.split(' - ');
      const path = (fields.split(' ')[4] ?? '/').replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
        String.fromCodePoint(Number.parseInt(octal, 8)),
      );
      return { path, type: rest.split(' ')[0] ?? '' };
    });
}

export function searchFiles(root: string, mounts: readonly Mount[], scanner: Scanner): FileCoverage {
  const skipped = new Set(mounts.filter(({ type }) => KERNEL_FILE_SYSTEMS.has(type)).map(({ path }) => path));
  const coverage: FileCoverage = { files: 0, bytes: 0, unreadable: [] };
  const seen = new Set<string>();
  const pending = [root];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    for (const path of entries(folder, coverage)) {
      const stat = lstatSync(path, { throwIfNoEntry: false });
      if (stat?.isDirectory() === true) {
        if (!skipped.has(path)) pending.push(path);
      } else if (stat?.isFile() === true && !seen.has(`${stat.dev}:${stat.ino}`)) {
        seen.add(`${stat.dev}:${stat.ino}`);
        const bytes = searchFile(path, scanner, coverage.unreadable);
        if (bytes !== undefined) {
          coverage.files++;
          coverage.bytes += bytes;
        }
      }
    }
  }
  return coverage;
}

/** number of bytes searched; undefined, and a line in `unreadable`, when the file cannot be read */
export function searchFile(path: string, scanner: Scanner, unreadable: string[]): number | undefined {
  let fd: number | undefined;
  try {
    // Without O_NONBLOCK some special files of /proc would wait for a writer.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    fd = file;
    return scanner.scan(path, (buffer) => readSync(file, buffer));
  } catch (error) {
    unreadable.push(`${path}: ${(error as NodeJS.ErrnoException).code}`);
    return undefined;
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function* entries(folder: string, coverage: FileCoverage): Generator<string> {
  let directory;
  try {
    directory = opendirSync(folder);
  } catch (error) {
    coverage.unreadable.push(`${folder}: ${(error as NodeJS.ErrnoException).code}`);
    return;
  }
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      yield join(folder, entry.name);
    }
  } finally {
    directory.closeSync();
  }
}
