// `make bench`: direct, nginx and the sidecar in one run on the same upstream; prints the page and keeps it in results/.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';

import { ensureDebianPackages } from '../cluster/debian.ts';
import { terminalProgress } from '../cluster/progress.ts';
import { startContenders } from './contenders.ts';
import { firstEvent, latency, throughput } from './measure.ts';
import { residentMiB } from './process-usage.ts';
import { toMarkdown } from './report.ts';

const NGINX = '/usr/sbin/nginx';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (values.help) {
  console.log(
    'usage: node test/bench/main.ts [--quick]\n\n  --quick   a tenth of the samples; does not write results/latest.md',
  );
  process.exit(0);
}
const scale = values.quick ? 0.1 : 1;
const rounds = values.quick ? 2 : 7;

const folder = await mkdtemp(join(tmpdir(), 'seks-bench-'));
try {
  const nginx = await findNginx();
  const contenders = await startContenders(folder, process.execPath, nginx);
  try {
    const { targets } = contenders;
    const idleMiB = new Map(
      targets.flatMap(({ name, pid }) => (pid === undefined ? [] : [[name, residentMiB(pid)] as const])),
    );
    step(`latency of ${targets.map(({ name }) => name).join(', ')}`);
    const latencies = await latency(targets, rounds, Math.ceil(1000 * scale));
    step('first event of a stream');
    const events = await firstEvent(targets, rounds, Math.ceil(100 * scale));
    step('throughput');
    const throughputs = await throughput(targets, values.quick ? 1 : 3, Math.ceil(8 * scale));
    const page = toMarkdown({
      names: targets.map(({ name }) => name),
      latency: latencies,
      firstEvent: events,
      throughput: throughputs,
      idleMiB,
      machine: {
        cpus: `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}`,
        node: process.versions.node,
        date: new Date().toISOString().slice(0, 10),
      },
    });
    console.log(page);
    if (!values.quick) {
      const results = join(import.meta.dirname, 'results');
      await mkdir(results, { recursive: true });
      await writeFile(join(results, 'latest.md'), page);
    }
  } finally {
    await contenders.stop();
  }
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function findNginx(): Promise<string | undefined> {
  try {
    await ensureDebianPackages(['nginx-light'], terminalProgress(process.stderr));
  } catch (error) {
    console.error(`seks: note: without nginx: ${error instanceof Error ? error.message : String(error)}`);
  }
  return existsSync(NGINX) ? NGINX : undefined;
}

function step(text: string): void {
  console.error(`bench: ${text}`);
}
