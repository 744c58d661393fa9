// Cores: what is measured has one of its own, load and upstream have the others.
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';

import { findProgram } from '../cluster/command.ts';

/** of this process; a new one inherits the cores of the one that starts it */
const THREADS = '/proc/self/task';

export interface Cores {
  /** for taskset(1); undefined: nothing is pinned */
  target: string | undefined;
  load: string | undefined;
}

/** what can be pinned on this machine */
export function chooseCores(): Cores {
  const count = availableParallelism();
  if (count < 2 || findProgram('taskset') === undefined) return { target: undefined, load: undefined };
  return { target: '0', load: count === 2 ? '1' : `1-${count - 1}` };
}

/** pins all threads of this process */
export function pinSelf(cores: string | undefined): void {
  if (cores === undefined) return;
  // One by one: with `-a`, taskset fails when one of Node's short-lived threads ends between being listed and being pinned.
  for (const thread of readdirSync(THREADS)) {
    try {
      execFileSync('taskset', ['-c', '-p', cores, thread], { stdio: ['ignore', 'ignore', 'pipe'] });
    } catch (cause) {
      if (existsSync(join(THREADS, thread))) throw cause;
    }
  }
}

/** a command line that runs pinned; it stays one process */
export function pinned(
  cores: string | undefined,
  program: string,
  args: readonly string[],
): [string, string[]] {
  return cores === undefined ? [program, [...args]] : ['taskset', ['-c', cores, program, ...args]];
}
