// The build context of the agent image: scripts, and the SDKs as npm and pip deliver them.
import { cpSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { findProgram, run } from '../cluster/command.ts';
import { ensureDebianPackages } from '../cluster/debian.ts';
import type { Progress } from '../cluster/progress.ts';

const agentDir = join(import.meta.dirname, '..', 'agent');
/** Python of the agent base image, Debian 12 */
const pythonVersion = '3.11';
const installTimeoutMs = 10 * 60_000;

export interface AgentContext {
  readonly cacheDir: string;
  /** hash of all that goes into the image */
  readonly hash: string;
  readonly progress: Progress;
}

/** a folder with all that the Dockerfile copies; made once for each content */
export async function ensureAgentContext({ cacheDir, hash, progress }: AgentContext): Promise<string> {
  const folder = join(cacheDir, 'agent-image', hash);
  if (existsSync(folder)) return folder;
  const making = `${folder}.${process.pid}.new`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  for (const file of [
    'package.json',
    'package-lock.json',
    'requirements.txt',
    'chat.mjs',
    'chat.py',
    'loop.mjs',
  ]) {
    cpSync(join(agentDir, file), join(making, file));
  }
  cpSync(join(agentDir, 'search'), join(making, 'search'), {
    recursive: true,
    filter: (path) => !basename(path).endsWith('.test.ts'),
  });
  await progress.step('npm packages of the agent', (onLine) => installNodePackages(making, onLine));
  await progress.step('Python packages of the agent', (onLine) =>
    installPythonPackages(making, progress, onLine),
  );
  renameSync(making, folder);
  return folder;
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
  progress: Progress,
  onLine: (line: string) => void,
): Promise<void> {
  if (findProgram('pip3') === undefined) await ensureDebianPackages(['python3-pip'], progress);
  const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch as string] ?? process.arch;
  // Wheels for the image's Python, whatever Python runs this pip.
  const platforms = ['manylinux_2_28', 'manylinux_2_17', 'manylinux2014'].flatMap((name) => [
    '--platform',
    `${name}_${architecture}`,
  ]);
  const args = [
    'install',
    '--quiet',
    '--no-deps',
    '--only-binary=:all:',
    '--no-compile',
    '--disable-pip-version-check',
    '--implementation',
    'cp',
    '--python-version',
    pythonVersion,
    ...platforms,
    '--target',
    join(folder, 'python'),
    '--requirement',
    join(folder, 'requirements.txt'),
  ];
  await run('pip3', args, { timeoutMs: installTimeoutMs, onLine });
}
