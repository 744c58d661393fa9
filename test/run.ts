// Runs the stages of `make test` in order and ends with one line of counts. A stage that needs a cluster brings one up
// first; where none can be had the stage is counted as skipped, or as failed with SEKS_REQUIRE_CLUSTER=1.
import { spawn } from 'node:child_process';
import { mkdtemp, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

interface JestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numRuntimeErrorTestSuites: number;
}

const ROOT = join(import.meta.dirname, '..');
/** exit code of the cluster tool that says "no cluster can be had on this machine" */
const NO_CLUSTER_POSSIBLE = 3;

const CHECKS: Record<string, string[]> = {
  types: ['tsc', '--noEmit', '-p', 'tsconfig.json'],
  lint: ['oxlint', '--type-aware', '--deny-warnings'],
  format: ['prettier', '--check', '--log-level', 'warn', '.'],
  generated: ['node', 'crds/generate/main.ts', '--check'],
};

const STAGES: Record<string, () => Promise<Counts>> = {
  checks: runChecks,
  unit: () => runJest('unit'),
  sdk: () => runJest('sdk'),
  integration: () => onCluster('integration'),
  e2e: () => onCluster('e2e'),
};

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  const unknown = names.filter((name) => !(name in STAGES));
  if (unknown.length > 0) {
    console.error(`seks: error: unknown stage ${unknown.join(', ')}`);
    console.error(`seks: hint: choose from ${Object.keys(STAGES).join(', ')}; none means all`);
    process.exit(2);
  }
  const total: Counts = { passed: 0, failed: 0, skipped: 0 };
  const startMs = performance.now();
  for (const name of names.length > 0 ? names : Object.keys(STAGES)) {
    const stageStartMs = performance.now();
    console.log(`\n== ${name}`);
    const counts = await STAGES[name]?.();
    if (counts === undefined) continue;
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    console.log(`== ${name}: ${describe(counts)} in ${seconds(stageStartMs)} s`);
  }
  console.log(`\nall stages took ${seconds(startMs)} s`);
  console.log(describe(total));
  process.exit(total.failed > 0 || total.passed === 0 ? 1 : 0);
}

async function runChecks(): Promise<Counts> {
  const counts: Counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [name, command] of Object.entries(CHECKS)) {
    const code = await run(command);
    console.log(`${code === 0 ? 'ok' : 'FAILED'}: ${name}`);
    if (code === 0) counts.passed += 1;
    else counts.failed += 1;
  }
  return counts;
}

async function runJest(project: string, env: Record<string, string> = {}): Promise<Counts> {
  const outputFile = join(await mkdtemp(join(tmpdir(), 'seks-test-')), 'report.json');
  const serial = project === 'unit' ? [] : ['--runInBand'];
  const code = await run(
    [
      'node',
      '--disable-warning=ExperimentalWarning',
      '--experimental-vm-modules',
      'node_modules/jest/bin/jest.js',
      '--selectProjects',
      project,
      '--json',
      `--outputFile=${outputFile}`,
      ...serial,
    ],
    env,
    'stderr only',
  );
  const report = await readFile(outputFile, 'utf8').then(
    (text) => JSON.parse(text) as JestReport,
    () => undefined,
  );
  // No report means that jest itself broke: that is a failure, never nothing.
  if (report === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  return {
    passed: report.numPassedTests,
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: report.numPendingTests,
  };
}

async function onCluster(project: string): Promise<Counts> {
  const code = await run(['node', 'test/cluster/main.ts', 'up']);
  if (code !== 0) {
    const impossible = code === NO_CLUSTER_POSSIBLE && process.env['SEKS_REQUIRE_CLUSTER'] !== '1';
    console.log(
      impossible
        ? `SKIPPED: ${project} needs a Kubernetes cluster, and none can be had here (reason above)`
        : `FAILED: ${project} needs a Kubernetes cluster, and it did not come up`,
    );
    return impossible ? { passed: 0, failed: 0, skipped: 1 } : { passed: 0, failed: 1, skipped: 0 };
  }
  const kubeconfig = (await output(['node', 'test/cluster/main.ts', 'path'])).trim();
  return runJest(project, { KUBECONFIG: kubeconfig });
}

function run(command: string[], env: Record<string, string> = {}, show?: 'stderr only'): Promise<number> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: ROOT,
      env: { ...process.env, ...env },
      // jest prints its JSON report to stdout as well; people read its stderr.
      stdio: ['ignore', show === 'stderr only' ? 'ignore' : 'inherit', 'inherit'],
    });
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

function output(command: string[]): Promise<string> {
  const [file = '', ...args] = command;
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
    child.once('error', reject);
    child.once('close', (code) =>
      code === 0 ? resolve(text) : reject(new Error(`${file} exited with ${code}`)),
    );
  });
}

function describe(counts: Counts): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1000).toFixed(0);
}

await main();
