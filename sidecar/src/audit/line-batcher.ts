// Collects lines and writes them in batches: a system call for each line would cost as much as all checks of a request.
import type { Scheduler } from '../lease/scheduler.ts';

export interface LineBatcherOptions {
  scheduler: Pick<Scheduler, 'after'>;
  /** writes a batch; false if it had to be dropped */
  write: (batch: string) => boolean;
  /** longest time that a line waits */
  maxDelayMs: number;
  /** a batch of this many characters is written at once */
  maxCharacters: number;
}

/** a batcher of lines */
export interface LineBatcher {
  /** false if lines were dropped with the batch that this one completed */
  add: (line: string) => boolean;
  /** writes what waits */
  flush: () => boolean;
}

/** makes one */
export function createLineBatcher(options: LineBatcherOptions): LineBatcher {
  let waiting = '';
  let callOff: (() => void) | undefined;
  const flush = (): boolean => {
    callOff?.();
    callOff = undefined;
    const batch = waiting;
    waiting = '';
    return batch === '' || options.write(batch);
  };
  return {
    flush,
    add(line) {
      waiting += line;
      if (waiting.length >= options.maxCharacters) return flush();
      callOff ??= options.scheduler.after(options.maxDelayMs, flush);
      return true;
    },
  };
}
