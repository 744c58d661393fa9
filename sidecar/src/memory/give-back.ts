// Gives memory back to the node when the work is done. V8 collects when it allocates, so a sidecar that has gone quiet would
// keep what its busiest minute needed; and there is one in every pod.
import type { Scheduler } from '../lease/scheduler.ts';

export interface GiveBackDeps {
  scheduler: Pick<Scheduler, 'after'>;
  /** CPU time of this process so far, in `ms` */
  cpuMs: () => number;
  /** resident memory, in bytes */
  residentBytes: () => number;
  /** a full collection that frees pages as well; it stops everything for some 50 `ms` */
  collect: () => void;
}

const CHECK_EVERY_MS = 10_000;
/** less CPU time than this between two looks is a process that waits */
const QUIET_CPU_MS = 50;
/** worth a collection; bounds their share of the time, too */
const WORK_CPU_MS = 2_000;
/** below this there is nothing to win: libraries and code alone are 70 MiB */
const MIN_RESIDENT_BYTES = 90 * 1024 * 1024;

/** collects once after each busy time, when it has become quiet; returns what ends it */
export function giveBackWhenQuiet({ scheduler, cpuMs, residentBytes, collect }: GiveBackDeps): () => void {
  let lastCpuMs = cpuMs();
  let collectedAtCpuMs = lastCpuMs;
  let callOff = scheduler.after(CHECK_EVERY_MS, look);
  function look(): void {
    const nowCpuMs = cpuMs();
    const isQuiet = nowCpuMs - lastCpuMs < QUIET_CPU_MS;
    const hasWorked = nowCpuMs - collectedAtCpuMs >= WORK_CPU_MS;
    if (isQuiet && hasWorked && residentBytes() > MIN_RESIDENT_BYTES) {
      collect();
      collectedAtCpuMs = cpuMs();
    }
    lastCpuMs = cpuMs();
    callOff = scheduler.after(CHECK_EVERY_MS, look);
  }
  return () => callOff();
}
