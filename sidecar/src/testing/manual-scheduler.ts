// Time that passes only when a test says so.
import type { Scheduler } from '../lease/scheduler.ts';

/** a scheduler with a hand crank */
export interface ManualScheduler extends Scheduler {
  /** lets so much time pass, running what falls due, and all that follows from it at once */
  advance(ms: number): Promise<void>;
  /** delays of what is scheduled, shortest first */
  pending(): number[];
}

/** makes one that stands at zero */
export function createManualScheduler(): ManualScheduler {
  let nowMs = 0;
  let timers: { atMs: number; run: () => void }[] = [];
  return {
    nowMs: () => nowMs,
    after(delayMs, run) {
      const timer = { atMs: nowMs + delayMs, run };
      timers.push(timer);
      return () => {
        timers = timers.filter((other) => other !== timer);
      };
    },
    pending: () => timers.map(({ atMs }) => atMs - nowMs).sort((a, b) => a - b),
    async advance(ms) {
      const endMs = nowMs + ms;
      for (;;) {
        await settle();
        const due = timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers = timers.filter((other) => other !== due);
        nowMs = Math.max(nowMs, due.atMs);
        due.run();
      }
      nowMs = endMs;
      await settle();
    },
  };
}

/** lets everything run that waits for nothing but its turn */
export async function settle(): Promise<void> {
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
