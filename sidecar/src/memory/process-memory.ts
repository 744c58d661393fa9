// This process's own memory and CPU time, and V8's collector.
import type { GiveBackDeps } from './give-back.ts';

/** what {@link giveBackWhenQuiet} needs to know of a process that was started with `--expose-gc`; without, nothing is collected */
export function processMemory(): Omit<GiveBackDeps, 'scheduler'> {
  return {
    cpuMs() {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    residentBytes: () => process.memoryUsage.rss(),
    // The flavour in which V8 also returns the pages that it keeps for later.
    collect: () => globalThis.gc?.({ type: 'major', execution: 'sync', flavor: 'last-resort' }),
  };
}
