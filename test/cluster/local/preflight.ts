import { accessSync, constants, existsSync, readFileSync } from 'node:fs';
import { attempt, findProgram } from '../command.ts';
import { CannotRunHere } from '../failures.ts';
import { conflictingRoute } from './bridge.ts';
import { cgroupMounts } from './cgroups.ts';
import { readMountInfo } from './mounts.ts';

/** Each program that the node needs, and the Debian package that has it. */
export const neededPrograms: Readonly<Record<string, string>> = {
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  containerd: 'containerd',
  ctr: 'containerd',
  runc: 'runc',
  iptables: 'iptables',
  conntrack: 'conntrack',
  socat: 'socat',
  ip: 'iproute2',
  openssl: 'openssl',
  umount: 'mount',
};

/** Packages without a program on PATH that a local cluster needs all the same. */
export function missingPackages(find: (program: string) => string | undefined, hasCni: boolean): string[] {
  const missing = Object.entries(neededPrograms)
    .filter(([program]) => find(program) === undefined)
    .map(([, debianPackage]) => debianPackage);
  return [...new Set(hasCni ? missing : [...missing, 'containernetworking-plugins'])];
}

/** What no package can supply, found out in a moment, before minutes of building. */
export async function checkMachine(platform: NodeJS.Platform = process.platform): Promise<void> {
  if (platform !== 'linux') {
    throw new CannotRunHere(
      `a local cluster needs Linux, and this is ${platform}`,
      'use Docker and kind (CLUSTER=kind), or CLUSTER=current',
    );
  }
  if (process.getuid?.() !== 0) {
    throw new CannotRunHere(
      'a local cluster needs root',
      'run it as root, or use kind (CLUSTER=kind) or a cluster of yours (CLUSTER=current)',
    );
  }
  const mounts = cgroupMounts(readMountInfo());
  if (mounts.length === 0) {
    throw new CannotRunHere(
      'no cgroup file system is mounted',
      'mount one: mount -t cgroup2 none /sys/fs/cgroup',
    );
  }
  if (!mounts.some(isWritable)) {
    throw new CannotRunHere(
      'the cgroup file system is read-only',
      'give this machine (or privileged container) a writable /sys/fs/cgroup',
    );
  }
  if (!/\boverlay\b/.test(readFileSync('/proc/filesystems', 'utf8'))) {
    await attempt(findProgram('modprobe') ?? 'modprobe', ['overlay']);
    if (!/\boverlay\b/.test(readFileSync('/proc/filesystems', 'utf8'))) {
      throw new CannotRunHere('the kernel has no overlay file system', 'load it: modprobe overlay');
    }
  }
  const capabilities = effectiveCapabilities(readFileSync('/proc/self/status', 'utf8'));
  for (const [name, bit] of Object.entries(neededCapabilities)) {
    if ((capabilities >> BigInt(bit)) % 2n === 0n) {
      throw new CannotRunHere(
        `this root user lacks ${name}`,
        'run on a machine, or in a container, with full privileges',
      );
    }
  }
}

/** After the packages are there. */
export async function checkNetworking(): Promise<void> {
  if (!existsSync('/proc/sys/net/bridge'))
    await attempt(findProgram('modprobe') ?? 'modprobe', ['br_netfilter']);
  const nat = await attempt(findProgram('iptables') ?? 'iptables', ['-w', '-t', 'nat', '-S']);
  if (nat.code !== 0) {
    throw new CannotRunHere(
      `iptables has no nat table here: ${nat.stderr.trim().split('\n')[0] ?? ''}`,
      'use a kernel with netfilter NAT (nf_tables or ip_tables), or CLUSTER=kind',
    );
  }
  const conflict = await conflictingRoute();
  if (conflict !== undefined) {
    throw new CannotRunHere(
      `this machine already has a route into the cluster's networks: ${conflict.trim()}`,
      'remove it, or use CLUSTER=kind',
    );
  }
}

const neededCapabilities = { CAP_NET_ADMIN: 12, CAP_SYS_CHROOT: 18, CAP_SYS_ADMIN: 21 };

export function effectiveCapabilities(status: string): bigint {
  const hex = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  return hex === undefined ? 0n : BigInt(`0x${hex}`);
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
