// What /proc tells of every process that can be reached from here: environment, arguments, open files, memory.
import { closeSync, openSync, readdirSync, readFileSync, readlinkSync, readSync, statSync } from 'node:fs';
import { searchFile } from './files.ts';
import type { Scanner } from './scanner.ts';

export interface ProcessCoverage {
  /** command lines of the processes whose memory was searched */
  searched: string[];
  regions: number;
  memoryBytes: number;
  procFiles: number;
  unreadable: string[];
}

const FILES = ['environ', 'cmdline', 'comm', 'status', 'mountinfo', 'maps', 'limits', 'cgroup'];
/** reading these waits, or reads the whole machine's memory where it is allowed at all */
const SKIPPED = new Set([
  'kcore',
  'kmsg',
  'kpagecount',
  'kpageflags',
  'kpagecgroup',
  'sysrq-trigger',
  'acpi',
]);

/** `self` is left out of the memory search: its buffers hold copies of what it reads, and it never knew the needles */
export function searchProcesses(scanner: Scanner, self: number): ProcessCoverage {
  const coverage = emptyProcessCoverage();
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry)) searchProcess(scanner, coverage, entry, Number(entry) === self);
    else if (
      !SKIPPED.has(entry) &&
      statSync(`/proc/${entry}`, { throwIfNoEntry: false })?.isFile() === true
    ) {
      count(coverage, searchFile(`/proc/${entry}`, scanner, coverage.unreadable));
    }
  }
  return coverage;
}

export function emptyProcessCoverage(): ProcessCoverage {
  return { searched: [], regions: 0, memoryBytes: 0, procFiles: 0, unreadable: [] };
}

export function searchProcess(
  scanner: Scanner,
  coverage: ProcessCoverage,
  pid: string,
  isSelf: boolean,
): void {
  for (const name of FILES) count(coverage, searchFile(`/proc/${pid}/${name}`, scanner, coverage.unreadable));
  for (const fd of listOpenFiles(pid)) {
    // Files that were deleted while open, or never had a name; the others are found by name.
    const target = linkTarget(`/proc/${pid}/fd/${fd}`);
    if (target.endsWith(' (deleted)') || target.startsWith('/memfd:')) {
      count(coverage, searchFile(`/proc/${pid}/fd/${fd}`, scanner, coverage.unreadable));
    }
  }
  if (!isSelf) searchMemory(scanner, coverage, pid);
}

function searchMemory(scanner: Scanner, coverage: ProcessCoverage, pid: string): void {
  let memory: number | undefined;
  try {
    const regions = readableRegions(readFileSync(`/proc/${pid}/maps`, 'utf8'));
    const fd = openSync(`/proc/${pid}/mem`, 'r');
    memory = fd;
    const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
    for (const { start, end } of regions) {
      let position = start;
      coverage.memoryBytes += scanner.scan(`memory of process ${pid} (${command})`, (buffer) => {
        const size = readAt(fd, buffer, Math.min(buffer.length, end - position), position);
        position += size;
        return size;
      });
      coverage.regions++;
    }
    coverage.searched.push(command);
  } catch (error) {
    coverage.unreadable.push(`/proc/${pid}/mem: ${(error as NodeJS.ErrnoException).code}`);
  } finally {
    if (memory !== undefined) closeSync(memory);
  }
}

/** regions that are private to the process or writable; unchanged views of files are searched as files */
export function readableRegions(maps: string): { start: number; end: number }[] {
  return maps
    .trimEnd()
    .split('\n')
    .flatMap((line) => {
      const match = /^([0-9a-f]+)-([0-9a-f]+) (r)(.)..\s\S+\s\S+\s(\d+)\s*(.*)$/.exec(line);
      if (match === null) return [];
      const [, start = '', end = '', , write, inode, name = ''] = match;
      const isKernels = ['[vvar]', '[vvar_vclock]', '[vsyscall]', '[vdso]'].includes(name);
      const isUnchangedFile = inode !== '0' && write === '-' && !name.endsWith('(deleted)');
      if (isKernels || isUnchangedFile) return [];
      return [{ start: Number.parseInt(start, 16), end: Number.parseInt(end, 16) }];
    });
}

/** 0 at the end of a region, and where a page cannot be read, as behind the end of a mapped file */
function readAt(fd: number, buffer: Buffer, size: number, position: number): number {
  if (size <= 0) return 0;
  try {
    return readSync(fd, buffer, 0, size, position);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') return 0;
    throw error;
  }
}

function listOpenFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function count(coverage: ProcessCoverage, bytes: number | undefined): void {
  if (bytes !== undefined) coverage.procFiles++;
}
