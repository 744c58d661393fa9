// Runs something again and again until a signal aborts.
import { setTimeout as sleep } from 'node:timers/promises';

/** waits `everyMs` between runs; an error is handed to `onError` and the next run comes all the same */
export async function poll(options: {
  everyMs: number;
  signal: AbortSignal;
  run: () => Promise<void>;
  onError: (error: unknown) => void;
}): Promise<void> {
  const { everyMs, signal, run, onError } = options;
  while (!signal.aborted) {
    try {
      // Unreferenced: a poll alone must not keep a process alive.
      await sleep(everyMs, undefined, { signal, ref: false });
      await run();
    } catch (error) {
      if (!signal.aborted) onError(error);
    }
  }
}
