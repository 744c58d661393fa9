// Waits for what real sockets bring about, where a clock with a hand crank must not move on its own.
import { settle } from './manual-scheduler.ts';

const PATIENCE_MS = 4_000;

/** resolves when it is so; fails after some seconds, so that a test that fails does not go on for ever */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + PATIENCE_MS;
  while (!(await condition())) {
    if (performance.now() > endMs) throw new Error(`never came about: ${String(condition)}`);
    await settle();
  }
}
