// Gives memory back to the node when the work is done. V8 collects when it allocates, so a sidecar that has gone quiet would
// keep what its busiest minute needed; and there is one in every pod.
import type { Scheduler } from '../lease/scheduler.ts';

export interface GiveBackDeps {
  scheduler: Pick<Scheduler, 'after'>;
  /** CPU time of this process so far, in `ms` */
  cpuMs: () => number;
  /** resident memory, in bytes */
  residentBytes: () => number;
  /** a full collection that frees pages as well; it stops everything for some 50 `ms`, and much has to be compiled anew */
  collect: () => void;
}

const CHECK_EVERY_MS = 5_000;
/** less CPU time than this between two looks is a process that waits */
const QUIET_CPU_MS = 25;
/**
 * An agent that only thinks between two requests must not find cold code: measured at one request after the other, p99 is three times
 * as high for the first seconds after a collection.
 */
const QUIET_LOOKS = 10;
/** worth a collection; bounds their share of the time, too */
const WORK_CPU_MS = 2_000;
/** below this there is nothing to win: libraries and code alone are 70 MiB */
const MIN_RESIDENT_BYTES = 90 * 1024 * 1024;

/** collects once after each busy time, when it has been quiet for most of a minute; returns what ends it */
export function giveBackWhenQuiet({ scheduler, cpuMs, residentBytes, collect }: GiveBackDeps): () => void {
  let lastCpuMs = cpuMs();
  let collectedAtCpuMs = lastCpuMs;
  let quietLooks = 0;
  let callOff = scheduler.after(CHECK_EVERY_MS, look);
  function look(): void {
    const nowCpuMs = cpuMs();
    quietLooks = nowCpuMs - lastCpuMs < QUIET_CPU_MS ? quietLooks + 1 : 0;
    const hasWorked = nowCpuMs - collectedAtCpuMs >= WORK_CPU_MS;
    if (quietLooks >= QUIET_LOOKS && hasWorked && residentBytes() > MIN_RESIDENT_BYTES) {
      collect();
      collectedAtCpuMs = cpuMs();
    }
    lastCpuMs = cpuMs();
    callOff = scheduler.after(CHECK_EVERY_MS, look);
  }
  return () => callOff();
}
