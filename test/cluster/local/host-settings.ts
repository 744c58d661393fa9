import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Kernel settings that the cluster, the kubelet or kube-proxy changes. Their values from before are kept in the state
 * file and put back on `down`.
 */
export const touchedSettings = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/route_localnet',
  'net/bridge/bridge-nf-call-iptables',
  'net/bridge/bridge-nf-call-ip6tables',
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
] as const;

const neededSettings: Readonly<Record<string, string>> = {
  'net/ipv4/ip_forward': '1',
  // Else answers between two pods on the bridge go past conntrack, and Services break.
  'net/bridge/bridge-nf-call-iptables': '1',
};

export type SettingValues = Readonly<Record<string, string>>;

export function readSettings(root = '/proc/sys'): SettingValues {
  return Object.fromEntries(
    touchedSettings.flatMap((name) => {
      try {
        return [[name, readFileSync(join(root, name), 'utf8').trim()]];
      } catch {
        return [];
      }
    }),
  );
}

export function applyNeededSettings(root = '/proc/sys'): void {
  for (const [name, value] of Object.entries(neededSettings)) writeSetting(root, name, value);
}

export function restoreSettings(before: SettingValues, root = '/proc/sys'): void {
  const now = readSettings(root);
  for (const [name, value] of Object.entries(before)) {
    if (now[name] !== value) writeSetting(root, name, value);
  }
}

function writeSetting(root: string, name: string, value: string): void {
  try {
    if (readFileSync(join(root, name), 'utf8').trim() !== value) writeFileSync(join(root, name), value);
  } catch {
    // Absent in this kernel, or not ours to write; the readiness checks tell if that matters.
  }
}
