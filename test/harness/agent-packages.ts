// The SDKs that agents use, as npm and pip deliver them: test/agent pins them, for the agent image and for test/sdk alike.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, run } from '../cluster/command.ts';
import { ensureDebianPackages } from '../cluster/debian.ts';
import { withMachineLock } from '../cluster/machine-lock.ts';
import type { Progress } from '../cluster/progress.ts';
import { contentHash } from './content-hash.ts';

const PYTHON_PINS = 'requirements.txt';
const PINS = ['package.json', 'package-lock.json', PYTHON_PINS] as const;
const installTimeoutMs = 10 * 60_000;

export interface AgentPackages {
  /** folder with the files that pin the versions; requirements.txt only if it has packages for Python */
  readonly pinsFolder: string;
  readonly cacheDir: string;
  /** `3.11` and its like: the Python that the wheels are for */
  readonly pythonVersion: string;
  readonly progress: Progress;
}

/** a folder with `node_modules` and, if there are pins for it, `python`; made once for each set of pins and version of Python */
export async function ensureAgentPackages(packages: AgentPackages): Promise<string> {
  const { pinsFolder, cacheDir, pythonVersion, progress } = packages;
  const pins = PINS.filter((file) => existsSync(join(pinsFolder, file)));
  const hash = contentHash(pinsFolder, pins);
  const folder = join(cacheDir, 'agent-packages', `${hash}-python${pythonVersion}`);
  return withMachineLock('agent-packages', { timeoutMs: 2 * installTimeoutMs }, async () => {
    if (existsSync(folder)) return folder;
    const making = `${folder}.new`;
    rmSync(making, { recursive: true, force: true });
    mkdirSync(making, { recursive: true });
    for (const file of pins) cpSync(join(pinsFolder, file), join(making, file));
    await progress.step('npm packages of the agent', (onLine) => installNodePackages(making, onLine));
    if (pins.includes(PYTHON_PINS)) {
      await progress.step('Python packages of the agent', (onLine) =>
        installPythonPackages(making, pythonVersion, progress, onLine),
      );
    }
    renameSync(making, folder);
    return folder;
  });
}

async function installNodePackages(folder: string, onLine: (line: string) => void): Promise<void> {
  await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    timeoutMs: installTimeoutMs,
    onLine,
  });
}

async function installPythonPackages(
  folder: string,
  pythonVersion: string,
  progress: Progress,
  onLine: (line: string) => void,
): Promise<void> {
  if (findProgram('pip3') === undefined) await ensureDebianPackages(['python3-pip'], progress);
  const options = ['--quiet', '--no-deps', '--no-compile', '--disable-pip-version-check'];
  const what = ['--target', join(folder, 'python'), '--requirement', join(folder, PYTHON_PINS)];
  const args = ['install', ...options, ...wheelsFor(pythonVersion), ...what];
  await run('pip3', args, { timeoutMs: installTimeoutMs, onLine });
}

/** options of pip: wheels for that Python on this kind of machine, whatever Python runs pip */
export function wheelsFor(pythonVersion: string): string[] {
  const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch;
  const platforms = ['manylinux_2_28', 'manylinux_2_17', 'manylinux2014'].flatMap((name) => [
    '--platform',
    `${name}_${architecture}`,
  ]);
  return ['--only-binary=:all:', '--implementation', 'cp', '--python-version', pythonVersion, ...platforms];
}
