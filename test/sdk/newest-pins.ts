// The newest versions of the SDKs, as package.json, package-lock.json and requirements.txt in folders of their own.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../cluster/command.ts';
import { wheelsFor } from '../harness/agent-packages.ts';
import { SIMPLE_APIS_FOLDER } from './stub-internet.ts';

export interface SdkVersion {
  readonly registry: 'npm' | 'PyPI';
  readonly name: string;
  readonly pinned: string;
  readonly newest: string;
}

const INSTALL_TIMEOUT_MS = 10 * 60_000;

/** writes the pins into the folder and gives the direct dependencies, in order */
export async function writeNewestPins(
  agentDir: string,
  folder: string,
  pythonVersion: string,
): Promise<SdkVersion[]> {
  const simpleApis = join(folder, SIMPLE_APIS_FOLDER);
  mkdirSync(simpleApis);
  return [
    ...(await newestNodePackages(agentDir, folder)),
    ...(await newestNodePackages(join(agentDir, SIMPLE_APIS_FOLDER), simpleApis)),
    ...(await newestPythonPackages(agentDir, folder, pythonVersion)),
  ];
}

async function newestNodePackages(agentDir: string, folder: string): Promise<SdkVersion[]> {
  cpSync(join(agentDir, 'package.json'), join(folder, 'package.json'));
  const pinned = readDependencies(folder);
  const wanted = Object.keys(pinned).map((name) => `${name}@latest`);
  const options = ['--package-lock-only', '--ignore-scripts', '--no-audit', '--no-fund', '--save-exact'];
  await run('npm', ['install', ...options, ...wanted], { cwd: folder, timeoutMs: INSTALL_TIMEOUT_MS });
  const newest = readDependencies(folder);
  return Object.entries(pinned).map(([name, version]) => ({
    registry: 'npm',
    name,
    pinned: version,
    newest: newest[name] ?? 'none',
  }));
}

function readDependencies(folder: string): Record<string, string> {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { dependencies: Record<string, string> }).dependencies;
}

async function newestPythonPackages(
  agentDir: string,
  folder: string,
  pythonVersion: string,
): Promise<SdkVersion[]> {
  const report = join(folder, 'pip-report.json');
  const directFile = join(agentDir, 'requirements.in');
  const options = ['--dry-run', '--ignore-installed', '--quiet', '--disable-pip-version-check'];
  await run(
    'pip3',
    // With wheels of a given Python, pip insists on a target even when it installs nothing.
    [
      'install',
      ...options,
      ...wheelsFor(pythonVersion),
      '--target',
      folder,
      '--report',
      report,
      '-r',
      directFile,
    ],
    { timeoutMs: INSTALL_TIMEOUT_MS },
  );
  const { install } = JSON.parse(readFileSync(report, 'utf8')) as {
    install: { metadata: { name: string; version: string } }[];
  };
  const newest = new Map(install.map(({ metadata }) => [plainName(metadata.name), metadata]));
  const lines = [...newest.values()].map(({ name, version }) => `${name}==${version}\n`);
  writeFileSync(join(folder, 'requirements.txt'), lines.toSorted().join(''));
  const pinned = readRequirements(join(agentDir, 'requirements.txt'));
  return directNames(readFileSync(directFile, 'utf8')).map((name) => ({
    registry: 'PyPI',
    name,
    pinned: pinned.get(plainName(name)) ?? 'none',
    newest: newest.get(plainName(name))?.version ?? 'none',
  }));
}

function directNames(text: string): string[] {
  return requirementLines(text).map((line) => line.replace(/\[.*\]$/, ''));
}

function readRequirements(file: string): Map<string, string> {
  return new Map(
    requirementLines(readFileSync(file, 'utf8')).map((line) => {
      const [name = '', version = ''] = line.split('==');
      return [plainName(name), version];
    }),
  );
}

function requirementLines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** PyPI takes names that differ only in case and separators for the same */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}
