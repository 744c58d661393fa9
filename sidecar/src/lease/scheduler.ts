// Time as an argument, so that tests need not wait.

/** a clock with timers */
export interface Scheduler {
  /** monotonic time in `ms`; not the time of day, which somebody may set */
  nowMs: () => number;
  /** runs once after the delay; the returned function calls it off */
  after(delayMs: number, run: () => void): () => void;
}

/** the real one */
export function createScheduler(): Scheduler {
  return {
    nowMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, delayMs);
      return () => clearTimeout(timer);
    },
  };
}
