// Resident memory: before any request, right after load, and a while later; once at the beginning of a run, and once at its end.
import { throughput } from '../load/closed-loop.ts';
import { residentMiB } from '../process-usage.ts';
import { requestBody } from '../upstream/answers.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 64;

/** before the other scenarios, and so of a process that has done nothing else */
export const MEMORY = scenario(
  'memory',
  'Resident memory',
  'Idle is before the first request; load is right after 64 connections with 1 KB JSON, before all other scenarios; after is when it has ' +
    'been idle again (a minute in a full run).',
);

/** behind all other scenarios */
export const MEMORY_AT_END = scenario(
  'memory-at-end',
  'Resident memory, at the end of the run',
  'The same once more, when all other scenarios have run: 512 streams, for example, are 512 connections over TLS.',
);

function scenario(name: string, title: string, about: string): Scenario {
  return {
    name,
    title,
    about,
    lanes: ['tls', 'plain'],
    columns: [
      { key: 'idleMiB', title: 'idle MiB' },
      { key: 'loadMiB', title: 'load MiB' },
      { key: 'afterMiB', title: 'after MiB' },
    ],
    fits: ({ pid, variant }) => pid !== undefined && !variant,
    rounds: () => 1,
    async measure({ endpoint, pid, idleMiB }, pace) {
      if (pid === undefined) throw new Error('has no process');
      await throughput(endpoint, requestBody('kilobyte'), CONNECTIONS, pace.throughputMs, undefined);
      return { ...(idleMiB === undefined ? {} : { idleMiB }), loadMiB: residentMiB(pid) };
    },
    afterwards: {
      waitMs: (pace) => pace.memorySettleMs,
      measure: ({ pid }): Record<string, number> => (pid === undefined ? {} : { afterMiB: residentMiB(pid) }),
    },
  };
}
