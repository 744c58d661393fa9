import { setTimeout as pause } from 'node:timers/promises';
import { StepFailed } from './failures.ts';
import { tailOfFile } from './log-tail.ts';

export interface Wait {
  /** Completes "timed out waiting for …" */
  readonly what: string;
  readonly timeoutMs: number;
  readonly intervalMs?: number;
  /** Log whose tail explains why the condition did not come true. */
  readonly logFile?: string;
  /** Ends the wait early with the reason why it can never succeed, such as the death of a process. */
  readonly hopeless?: () => string | undefined;
}

/** Polls until `condition` gives something other than undefined or false; what it throws counts as "not yet". */
export async function waitUntil<T>(
  condition: () => T | undefined | false | Promise<T | undefined | false>,
  wait: Wait,
): Promise<T> {
  const deadlineMs = Date.now() + wait.timeoutMs;
  let lastProblem = '';
  for (;;) {
    try {
      const result = await condition();
      if (result !== undefined && result !== false) return result;
    } catch (error) {
      lastProblem = error instanceof Error ? error.message : String(error);
    }
    const reason = wait.hopeless?.();
    if (reason !== undefined)
      throw failure(`waiting for ${wait.what} is hopeless: ${reason}`, wait, lastProblem);
    if (Date.now() >= deadlineMs) {
      throw failure(`timed out after ${wait.timeoutMs / 1000} s waiting for ${wait.what}`, wait, lastProblem);
    }
    await pause(wait.intervalMs ?? 100);
  }
}

function failure(message: string, wait: Wait, lastProblem: string): StepFailed {
  const log = wait.logFile === undefined ? '' : `${wait.logFile}:\n${tailOfFile(wait.logFile)}`;
  return new StepFailed(lastProblem === '' ? message : `${message} (last: ${lastProblem})`, log);
}
