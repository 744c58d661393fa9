// How packages of npm, PyPI and crates.io get into a folder. Nothing runs at install time but Cargo's build scripts.
import { dirname, join } from 'node:path';

import { findProgram, run } from '../../cluster/command.ts';

type Install = (folder: string, note: (text: string) => void) => Promise<void>;

const NPM_TIMEOUT_MS = 5 * 60_000;
const PIP_TIMEOUT_MS = 15 * 60_000;
const CARGO_TIMEOUT_MS = 40 * 60_000;

/** a package of npm, without its install scripts */
export function npmPackage(specifier: string): Install {
  return async (folder, note) => {
    const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--prefix', folder, specifier];
    await run(required('npm'), args, { timeoutMs: NPM_TIMEOUT_MS, onLine: note });
  };
}

/** a package of PyPI in a virtual environment */
export function pythonPackage(specifier: string): Install {
  return async (folder, note) => {
    await run(required('python3'), ['-m', 'venv', folder], { timeoutMs: PIP_TIMEOUT_MS, onLine: note });
    const args = ['install', '--disable-pip-version-check', '--no-input', specifier];
    await run(join(folder, 'bin', 'pip'), args, { timeoutMs: PIP_TIMEOUT_MS, onLine: note });
  };
}

/** a program of crates.io; without its lock file, whose versions a registry mirror may not have */
export function cargoProgram(crate: string, version: string, minimumRust: string): Install {
  return async (folder, note) => {
    const cargo = required('cargo');
    const found = /(\d+)\.(\d+)/.exec(await run(cargo, ['--version']));
    if (found === null || isOlder(found[0], minimumRust)) {
      throw new Error(`needs Rust ${minimumRust}, and this machine has ${found?.[0] ?? 'another'}`);
    }
    const args = ['install', crate, '--version', version, '--no-default-features', '--root', folder];
    await run('nice', ['-n', '19', cargo, ...args, '--target-dir', join(folder, 'target')], {
      timeoutMs: CARGO_TIMEOUT_MS,
      onLine: note,
      env: { PATH: `${dirname(cargo)}:${process.env['PATH'] ?? ''}` },
    });
    await run('rm', ['-rf', join(folder, 'target')]);
  };
}

function required(program: string): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`needs ${program}, which this machine does not have`);
  return path;
}

/** compares `major.minor` */
export function isOlder(version: string, minimum: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [minimumMajor = 0, minimumMinor = 0] = minimum.split('.').map(Number);
  return major < minimumMajor || (major === minimumMajor && minor < minimumMinor);
}
