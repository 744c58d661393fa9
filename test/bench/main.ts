// `make bench`: the sidecar beside other proxies, in one run; see options.ts for the command line.
import { rmSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';

import { endRunningCommands } from '../cluster/command.ts';
import { clusterPaths } from '../cluster/paths.ts';
import { terminalProgress } from '../cluster/progress.ts';
import { endChildren } from './child.ts';
import { CONTENDERS } from './contenders/all.ts';
import type { Contender } from './contenders/contender.ts';
import { openLane } from './lane.ts';
import { describeMachine } from './machine.ts';
import { choose, HELP, parseOptions } from './options.ts';
import { FULL, QUICK } from './pace.ts';
import { chooseCores, pinSelf } from './pinning.ts';
import { toMarkdown } from './report/markdown.ts';
import { SIDECAR } from './report/names.ts';
import type { LaneTable, NotRun, Results } from './report/results.ts';
import { SCENARIOS } from './scenarios/all.ts';
import { runScenario } from './scenarios/scenario.ts';
import { runStages, STAGES } from './stages/stages.ts';
import { DIRECT, type Lane } from './target.ts';
import { startUpstream } from './upstream/start.ts';

/** not a real key */
const KEY = `sk-proj-bench${'0123456789'.repeat(4)}`;
const LANES: readonly Lane[] = ['tls', 'plain'];

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args);
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const everyScenario: { name: string; long?: boolean }[] = [{ name: STAGES }, ...SCENARIOS];
  if (options.list) {
    console.log(`contenders: ${CONTENDERS.map(({ name }) => name).join(', ')}`);
    console.log(`scenarios: ${everyScenario.map(({ name }) => name).join(', ')}`);
    return 0;
  }
  const wanted = choose(CONTENDERS, options.only, (name, part) => name.includes(part));
  const contenders = CONTENDERS.filter((each) => wanted.includes(each) || each.name === DIRECT);
  const chosen = new Set(
    choose(everyScenario, options.scenarios, (name, start) => name.startsWith(start))
      .filter(({ long }) => long !== true || !options.quick || options.scenarios !== undefined)
      .map(({ name }) => name),
  );
  const results = await bench(contenders, chosen, options);
  const page = toMarkdown(results);
  console.log(page);
  // A part of a run would replace a whole one.
  if (!options.quick && options.only === undefined && options.scenarios === undefined)
    await keep(results, page);
  const failed = results.tables.some(({ rows }) =>
    rows.some(({ name, failure }) => name === SIDECAR && failure !== undefined),
  );
  return failed || results.notRun.some(({ name }) => name === SIDECAR) ? 1 : 0;
}

async function bench(
  contenders: readonly Contender[],
  chosen: ReadonlySet<string>,
  { quick, install }: { quick: boolean; install: boolean },
): Promise<Results> {
  const pace = quick ? QUICK : FULL;
  const progress = terminalProgress(process.stderr);
  const cores = chooseCores();
  const machine = describeMachine(cores);
  const date = new Date().toISOString();
  const versions = new Map<string, string>();
  const notRun: NotRun[] = [];
  const tables: LaneTable[] = [];
  pinSelf(cores.load);
  if (chosen.has(STAGES)) {
    await progress.step('stages of the pipeline', async () => {
      tables.push({ ...runStages(KEY, pace), lane: undefined });
    });
  }
  const folder = await mkdtemp(join(tmpdir(), 'seks-bench-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  // Peers that give up root must reach their own folders in here.
  await chmod(folder, 0o711);
  for (const lane of LANES) {
    const scenarios = SCENARIOS.filter(({ name, lanes }) => chosen.has(name) && lanes.includes(lane));
    if (scenarios.length === 0) continue;
    const { plainPort, tlsPort, stop, endStreams, ...address } = await startUpstream(folder, KEY, cores.load);
    try {
      const open = await openLane({
        lane,
        contenders,
        upstream: { ...address, port: lane === 'tls' ? tlsPort : plainPort },
        key: KEY,
        folder,
        peersDir: join(clusterPaths(process.env).cache, 'bench-peers'),
        mayInstall: install,
        cores: cores.target,
        progress,
      });
      try {
        notRun.push(...open.notRun);
        for (const [name, version] of open.versions) versions.set(name, version);
        for (const scenario of scenarios) {
          await progress.step(`${scenario.name}, ${lane} upstream`, async (note) => {
            const table = await runScenario(scenario, open.targets, {
              pace,
              note,
              wait: (ms) => pause(ms),
              afterEach: endStreams,
            });
            tables.push({ ...table, lane });
          });
        }
      } finally {
        await open.close();
      }
    } finally {
      await stop();
    }
  }
  const ran = contenders
    .filter(({ name }) => versions.has(name))
    .map(({ name, about, lanes }) => ({ name, about, lanes, version: versions.get(name) ?? '' }));
  return { date, quick, machine, contenders: ran, notRun, tables };
}

async function keep(results: Results, page: string): Promise<void> {
  const folder = join(import.meta.dirname, 'results');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'latest.md'), page);
  await writeFile(join(folder, 'latest.json'), `${JSON.stringify(results, undefined, 2)}\n`);
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    endChildren();
    endRunningCommands();
    process.exit(code);
  });
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(`seks: error: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = error instanceof TypeError || error instanceof RangeError ? 2 : 1;
}
