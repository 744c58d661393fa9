// Times small functions against each other: each runs for a while, in turn, again and again.
import { median } from '../statistics.ts';

/** something that is done once for each request */
export interface Task {
  name: string;
  run: () => void;
}

export interface MicroOptions {
  rounds: number;
  /** of one task in one round */
  roundMs: number;
  nowNs: () => number;
}

const CALIBRATION_CALLS = 200;

/** `ns` for each call, by task: medians of the rounds */
export function timeTasks(
  tasks: readonly Task[],
  { rounds, roundMs, nowNs }: MicroOptions,
): Map<string, number> {
  const calibrated = tasks.map((task) => {
    // Twice: the first time the compiler has not seen it.
    callMany(task, CALIBRATION_CALLS, nowNs);
    const nsPerCall = callMany(task, CALIBRATION_CALLS, nowNs);
    return {
      task,
      calls: Math.max(1, Math.ceil((roundMs * 1e6) / Math.max(1, nsPerCall))),
      samples: [] as number[],
    };
  });
  // The first round warms up and is not counted.
  for (let round = 0; round <= rounds; round += 1) {
    for (const { task, calls, samples } of calibrated) {
      const nsPerCall = callMany(task, calls, nowNs);
      if (round > 0) samples.push(nsPerCall);
    }
  }
  return new Map(calibrated.map(({ task, samples }) => [task.name, median(samples)]));
}

function callMany({ run }: Task, calls: number, nowNs: () => number): number {
  const startNs = nowNs();
  for (let i = 0; i < calls; i += 1) run();
  return (nowNs() - startNs) / calls;
}
