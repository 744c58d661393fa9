// The machine that a run was made on, for its report.
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os';

import type { Cores } from './pinning.ts';
import type { Machine } from './report/results.ts';

export function describeMachine(pinnedTo: Cores): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown CPU',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.versions.node,
    pinned: { ...pinnedTo },
    loadBefore: loadavg()[0] ?? 0,
  };
}
