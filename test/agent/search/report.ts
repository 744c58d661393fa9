// What a search of a container covered and what it found.
import type { FileCoverage } from './files.ts';
import type { ProcessCoverage } from './processes.ts';
import type { Hit } from './scanner.ts';

export interface SearchReport {
  readonly needles: number;
  readonly userId: number;
  readonly files: FileCoverage;
  readonly processes: ProcessCoverage;
  /** path and file system type of each mount that the container sees */
  readonly mounts: readonly string[];
  readonly hits: readonly Hit[];
  readonly durationMs: number;
}
