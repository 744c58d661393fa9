// Everything that one run found out; is written as JSON, too.
import type { Table } from '../figures.ts';
import type { Lane } from '../target.ts';

export interface Results {
  /** ISO 8601 */
  date: string;
  quick: boolean;
  machine: Machine;
  contenders: readonly RanContender[];
  notRun: readonly NotRun[];
  tables: readonly LaneTable[];
}

export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  node: string;
  /** cores of what is measured, and of load and upstream; undefined: not pinned */
  pinned: { target: string | undefined; load: string | undefined };
  /** load average of a minute, before the run */
  loadBefore: number;
}

export interface RanContender {
  name: string;
  about: string;
  version: string;
  lanes: readonly Lane[];
}

export interface NotRun {
  name: string;
  lane: Lane;
  reason: string;
}

/** a table with the way to the upstream; undefined: there was none */
export interface LaneTable extends Table {
  lane: Lane | undefined;
}
