// One lane of a run: starts upstream and contenders, makes sure that each of them really swaps the key, measures, and ends them.
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';

import type { Progress } from '../cluster/progress.ts';
import type { Child } from './child.ts';
import type { Contender, Stage, UpstreamAddress } from './contenders/contender.ts';
import { Connection, requestBytes } from './load/connection.ts';
import { residentMiB } from './process-usage.ts';
import type { NotRun } from './report/results.ts';
import type { Endpoint, Lane, Target } from './target.ts';
import { requestBody } from './upstream/answers.ts';

export interface LaneOptions {
  lane: Lane;
  contenders: readonly Contender[];
  upstream: UpstreamAddress;
  key: string;
  /** is the caller's to remove */
  folder: string;
  peersDir: string;
  mayInstall: boolean;
  cores: string | undefined;
  progress: Progress;
}

export interface OpenLane {
  targets: readonly Target[];
  /** by contender */
  versions: ReadonlyMap<string, string>;
  notRun: readonly NotRun[];
  close: () => Promise<void>;
}

/** starts all contenders that can run here */
export async function openLane(options: LaneOptions): Promise<OpenLane> {
  const { lane, contenders, progress } = options;
  const children: Child[] = [];
  const targets: Target[] = [];
  const versions = new Map<string, string>();
  const notRun: NotRun[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(children.map((child) => child.stop()));
  };
  try {
    for (const [index, contender] of contenders.entries()) {
      const { name } = contender;
      if (!contender.lanes.includes(lane)) continue;
      try {
        const folder = join(options.folder, `${lane}-${index}`);
        await mkdir(folder);
        await progress.step(`start ${name}`, async () => {
          const { child, version, ...ways } = await contender.start(stageOf(options, folder));
          if (child !== undefined) children.push(child);
          await probe(ways.endpoint);
          versions.set(name, version);
          targets.push({
            name,
            lane,
            variant: contender.variant === true,
            ...ways,
            ...(child === undefined ? {} : { pid: child.pid }),
          });
        });
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        progress.say(`without ${name}: ${reason}`);
        notRun.push({ name, lane, reason });
      }
    }
    for (const target of targets) if (target.pid !== undefined) target.idleMiB = residentMiB(target.pid);
    return { targets, versions, notRun, close };
  } catch (cause) {
    await close();
    throw cause;
  }
}

function stageOf({ contenders: _contenders, ...options }: LaneOptions, folder: string): Stage {
  return { ...options, folder };
}

/** the upstream answers only the real key, so an answer proves that the swap works */
async function probe(endpoint: Endpoint): Promise<void> {
  const connection = await Connection.open(endpoint);
  try {
    await connection.exchange(requestBytes(endpoint, requestBody('kilobyte')));
  } finally {
    connection.close();
  }
}
