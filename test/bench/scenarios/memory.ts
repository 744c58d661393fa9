// Resident memory: before any request, right after load, and a while later.
import { throughput } from '../load/closed-loop.ts';
import { residentMiB } from '../process-usage.ts';
import { requestBody } from '../upstream/answers.ts';
import type { Scenario } from './scenario.ts';

const CONNECTIONS = 64;

export const MEMORY: Scenario = {
  name: 'memory',
  title: 'Resident memory',
  about:
    'Idle is before the first request of the run; load is right after 64 connections with 1 KB JSON, when all other scenarios have ' +
    'run before; after is when it has been idle again (a minute in a full run).',
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
