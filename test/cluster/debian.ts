import { chmodSync, existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { attempt, findProgram, run } from './command.ts';
import { CannotRunHere } from './failures.ts';
import { withMachineLock } from './machine-lock.ts';
import type { Progress } from './progress.ts';

/**
 * Sees to it that Debian packages are installed, without starting the services that they bring: a Prometheus or an
 * etcd that a test needs is started by the test. Does nothing, and needs no root, when all are there already.
 */
export async function ensureDebianPackages(packages: readonly string[], progress: Progress): Promise<void> {
  if ((await notInstalled(packages)).length === 0) return;
  const lock = {
    timeoutMs: 15 * 60_000,
    onWait: (holder: string) => progress.say(`${holder} is installing Debian packages; waiting for it`),
  };
  await withMachineLock('debian-packages', lock, async () => {
    const missing = await notInstalled(packages);
    if (missing.length === 0) return;
    const aptGet = requireAptGet(missing);
    await progress.step(`install Debian packages: ${missing.join(' ')}`, (note) =>
      withoutStartingServices(policyFile, () => aptInstall(aptGet, missing, note)),
    );
  });
}

async function aptInstall(
  aptGet: string,
  packages: readonly string[],
  note: (text: string) => void,
): Promise<void> {
  const options = {
    env: { DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    timeoutMs: 15 * 60_000,
    onLine: note,
  };
  const patience = ['-o', 'DPkg::Lock::Timeout=600', '-o', 'Acquire::Retries=3'];
  const install = ['install', '-y', '--no-install-recommends', ...patience, ...packages];
  // An earlier installation that was interrupted half-way makes every later one fail until this has run.
  await attempt('dpkg', ['--configure', '-a'], options);
  if ((await attempt(aptGet, install, options)).code === 0) return;
  // The lists may be old or absent; a source that fails (a private one, say) need not be the one that is needed.
  await attempt(aptGet, ['update', ...patience], options);
  await run(aptGet, install, options);
}

async function notInstalled(packages: readonly string[]): Promise<string[]> {
  const states = await Promise.all(
    packages.map((name) => attempt('dpkg-query', ['-W', '-f', '${db:Status-Status}', name])),
  );
  return packages.filter((_name, index) => states[index]?.stdout !== 'installed');
}

function requireAptGet(missing: readonly string[]): string {
  const aptGet = findProgram('apt-get');
  if (aptGet === undefined) {
    throw new CannotRunHere(
      `this is no Debian or Ubuntu, and it lacks what these packages hold: ${missing.join(' ')}`,
      'install their equivalents with the package manager of this system, or use kind (CLUSTER=kind)',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new CannotRunHere(
      `these Debian packages are missing: ${missing.join(' ')}`,
      `as root: apt-get install --no-install-recommends ${missing.join(' ')}`,
    );
  }
  return aptGet;
}

/** invoke-rc.d asks this program before it starts a service; 101 means "no". */
const policyFile = '/usr/sbin/policy-rc.d';
const policyMark = '# written by test/cluster/debian.ts';
const policyText = `#!/bin/sh\n${policyMark}\nexit 101\n`;

/** An administrator's own policy is put aside for the time, and put back. Exported for its test. */
export async function withoutStartingServices<T>(policy: string, work: () => Promise<T>): Promise<T> {
  const aside = `${policy}.seks-aside`;
  const restore = (): void => {
    if (isOurs(policy)) rmSync(policy);
    if (existsSync(aside)) renameSync(aside, policy);
  };
  // An interrupted run may have left its file.
  restore();
  if (existsSync(policy)) renameSync(policy, aside);
  writeFileSync(policy, policyText);
  chmodSync(policy, 0o755);
  try {
    return await work();
  } finally {
    restore();
  }
}

function isOurs(policy: string): boolean {
  return existsSync(policy) && readFileSync(policy, 'utf8').includes(policyMark);
}
