// Runs one scenario as an agent's container would, and reads the line that each of its steps prints.
import { writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { SdkRow } from './row.ts';
import type { StubInternet } from './stub-internet.ts';

export interface StepLine {
  readonly step: string;
  readonly ok: boolean;
  readonly [fact: string]: unknown;
}

export interface ScenarioResult {
  readonly exitCode: number | null;
  readonly steps: readonly StepLine[];
  readonly stdout: string;
  readonly stderr: string;
}

export interface ScenarioRun {
  /** environment variable → key or token that it holds */
  readonly credentials: Readonly<Record<string, string>>;
  readonly env?: Readonly<Record<string, string>>;
  /** the authorities that the agent trusts, PEM */
  readonly caPem: string;
  /** true: only Node is told of them, as where base URLs are all that is set */
  readonly nodeOnly?: boolean;
}

const SCENARIO_TIMEOUT_MS = 60_000;

export async function runScenario(
  internet: StubInternet,
  row: SdkRow,
  { credentials, env, caPem, nodeOnly = false }: ScenarioRun,
): Promise<ScenarioResult> {
  const caFile = join(internet.folder, 'agent-ca.pem');
  writeFileSync(caFile, caPem);
  const [program, ...args] = interpreter(internet, row.scenario);
  const child = internet.namespace.start(
    program,
    [...args, join(internet.agentFolder, 'scenarios', row.scenario), ...(row.steps ?? [])],
    {
      cwd: internet.folder,
      env: { ...baseEnvironment(internet), ...trust(caFile, nodeOnly), ...row.env, ...env, ...credentials },
    },
  );
  const limit = setTimeout(() => child.kill('SIGKILL'), SCENARIO_TIMEOUT_MS);
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  clearTimeout(limit);
  return { exitCode: child.exitCode, steps: stepLines(stdout), stdout, stderr };
}

function interpreter(internet: StubInternet, scenario: string): [string, ...string[]] {
  switch (extname(scenario)) {
    case '.mjs':
      return [internet.node];
    case '.py':
      return [internet.python.program];
    case '.sh':
      return ['/bin/sh'];
    default:
      throw new Error(`no interpreter for ${scenario}`);
  }
}

/** what a container has: nothing of this machine but its programs */
function baseEnvironment(internet: StubInternet): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: internet.folder,
    LANG: 'C.UTF-8',
    // A scenario has its package's name, so packages come first, and its own folder not before them.
    PYTHONPATH: `${join(internet.agentFolder, 'python')}:${join(internet.agentFolder, 'scenarios')}`,
    PYTHONSAFEPATH: '1',
    // Packages come uncompiled; compiling them for each scenario would take longer than all else.
    PYTHONPYCACHEPREFIX: join(internet.folder, 'pycache'),
  };
}

/** the variables that the webhook sets */
function trust(caFile: string, nodeOnly: boolean): Record<string, string> {
  const node = { NODE_EXTRA_CA_CERTS: caFile };
  if (nodeOnly) return node;
  return {
    ...node,
    SSL_CERT_FILE: caFile,
    REQUESTS_CA_BUNDLE: caFile,
    CURL_CA_BUNDLE: caFile,
    GIT_SSL_CAINFO: caFile,
  };
}

/** lines that are no JSON object with a step are the SDK's own talk */
function stepLines(stdout: string): StepLine[] {
  return stdout.split('\n').flatMap((line) => {
    if (!line.startsWith('{')) return [];
    const value = JSON.parse(line) as StepLine;
    return typeof value.step === 'string' && typeof value.ok === 'boolean' ? [value] : [];
  });
}
