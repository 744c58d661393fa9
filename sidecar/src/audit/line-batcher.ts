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
  /** @param told whether the line was written: later, with its batch */
  add: (line: string, told: (written: boolean) => void) => void;
  /** writes what waits */
  flush: () => void;
}

/** makes one */
export function createLineBatcher(options: LineBatcherOptions): LineBatcher {
  let waiting = '';
  let toTell: ((written: boolean) => void)[] = [];
  let callOff: (() => void) | undefined;
  const flush = (): void => {
    callOff?.();
    callOff = undefined;
    if (waiting === '') return;
    const batch = waiting;
    const tellAll = toTell;
    waiting = '';
    toTell = [];
    const written = options.write(batch);
    for (const told of tellAll) told(written);
  };
  return {
    flush,
    add(line, told) {
      waiting += line;
      toTell.push(told);
      if (waiting.length >= options.maxCharacters) flush();
      else callOff ??= options.scheduler.after(options.maxDelayMs, flush);
    },
  };
}
