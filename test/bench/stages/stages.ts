// The scenario `stages`: what each stage of the pipeline costs, as a table.
import type { Table } from '../figures.ts';
import type { Pace } from '../pace.ts';
import { timeTasks } from './micro-benchmark.ts';
import { pipelineTasks } from './pipeline.ts';

export const STAGES = 'stages';

/** runs in this process */
export function runStages(key: string, { stageRounds, stageMs }: Pace): Table {
  const times = timeTasks(pipelineTasks(key), {
    rounds: stageRounds,
    roundMs: stageMs,
    nowNs: () => Number(process.hrtime.bigint()),
  });
  return {
    name: STAGES,
    title: 'What each stage costs',
    about:
      'In one process, without network, compiled and warm: the parser of HTTP, TLS and the system calls, which are most of the CPU time ' +
      'of a request, are not in here.',
    columns: [{ key: 'ns', title: 'ns/request' }],
    rows: [...times].map(([name, ns]) => ({ name, figures: { ns } })),
  };
}
