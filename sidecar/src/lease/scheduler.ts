// Time as an argument, so that tests need not wait.

/** a clock with timers */
export interface Scheduler {
  /** monotonic time in `ms`; not the time of day, which somebody may set */
  nowMs: () => number;
  /** runs once after the delay; the returned function calls it off */
  after(delayMs: number, run: () => void): () => void;
}

/** of Node's timers; a longer one would fire at once */
const MAX_DELAY_MS = 2 ** 31 - 1;

/** the real one; after 24.8 days it runs early rather than at once, so that a lease which is as long ends early (S7) */
export function createScheduler(): Scheduler {
  return {
    nowMs: () => performance.now(),
    after(delayMs, run) {
      const timer = setTimeout(run, Math.min(delayMs, MAX_DELAY_MS));
      return () => clearTimeout(timer);
    },
  };
}
