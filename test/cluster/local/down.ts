import { readdirSync, readlinkSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../command.ts';
import { StepFailed } from '../failures.ts';
import { ownedProcesses, type OwnedProcesses } from '../owned-process.ts';
import type { ClusterPaths } from '../paths.ts';
import { identify, isRunning } from '../process-identity.ts';
import type { Progress } from '../progress.ts';
import { waitUntil } from '../wait-until.ts';
import { cgroupName, network } from './addresses.ts';
import { removeBridge } from './bridge.ts';
import { cgroupMounts, removeCgroups } from './cgroups.ts';
import { containerRuntime, shimPids } from './containers.ts';
import { restoreSettings } from './host-settings.ts';
import { removeRules } from './iptables-cleanup.ts';
import { readMountInfo, unmountBelow } from './mounts.ts';
import { kubeletSharedDir, readState } from './state.ts';

export interface LocalDownOptions {
  readonly paths: ClusterPaths;
  readonly progress: Progress;
  /** Also forgets imported images and logs */
  readonly purge: boolean;
}

/** Stops and removes what `up` made, however far it came, and nothing else. */
export async function localDown({ paths, progress, purge }: LocalDownOptions): Promise<void> {
  const processes = ownedProcesses(paths.pids, paths.logs);
  const stop = (...names: string[]): Promise<void[]> =>
    Promise.all(names.map((name) => processes.stop(name)));

  await progress.step('stop the node', () =>
    // The kubelet before its pods, or it would start them again.
    stop('kubelet', 'kube-proxy', 'coredns', 'kube-scheduler', 'kube-controller-manager'),
  );
  await progress.step('remove pods', () => removePods(paths, processes));
  await progress.step('stop the control plane', async () => {
    await stop('kube-apiserver', 'containerd');
    await stop('etcd');
    await stop(...processes.names());
  });
  await progress.step('clean up', async () => {
    const state = readState(paths.stateFile);
    const busy = await unmountBelow([paths.state, paths.run]);
    if (busy.length > 0) throw new StepFailed('some mounts could not be removed', busy.join('\n'));
    await removeCgroups(cgroupMounts(readMountInfo()), cgroupName);
    await removeBridge();
    if (state !== undefined) {
      await removeRules({ cniName: network.cniName, kubeChains: !state.foreignKubeChains });
      restoreSettings(state.settingsBefore);
    }
    removeLogLinks(join(paths.state, 'pod-logs'));
    removeNetworkResults();
    if (state?.foreignKubeletDir === false) rmSync(kubeletSharedDir, { recursive: true, force: true });
    removeFolders(paths, purge);
  });
}

async function removePods(paths: ClusterPaths, processes: OwnedProcesses): Promise<void> {
  const ctr = findProgram('ctr');
  if (ctr !== undefined && processes.isRunning('containerd')) {
    await containerRuntime(ctr, paths.containerdSocket).removeAllContainers();
  }
  // Those that are left belong to a containerd that died before us.
  for (const pid of shimPids(paths.containerdSocket)) {
    const identity = identify(pid);
    if (identity === undefined) continue;
    process.kill(pid, 'SIGKILL');
    await waitUntil(() => !isRunning(identity), {
      what: `the shim ${pid} to end`,
      timeoutMs: 5_000,
      intervalMs: 20,
    });
  }
}

/** Images stay for the next `up`, and logs for whoever wants to know why the last one failed. */
function removeFolders(paths: ClusterPaths, purge: boolean): void {
  const keep = new Set(purge ? [] : ['containerd', 'logs']);
  for (const entry of listFolder(paths.state)) {
    if (!keep.has(entry)) rmSync(join(paths.state, entry), { recursive: true, force: true });
  }
  if (purge) rmSync(paths.state, { recursive: true, force: true });
  rmSync(paths.run, { recursive: true, force: true });
}

/** The kubelet links each container's log into a folder that all kubelets share. */
function removeLogLinks(podLogsDir: string, sharedDir = '/var/log/containers'): void {
  for (const entry of listFolder(sharedDir)) {
    const link = join(sharedDir, entry);
    try {
      if (readlinkSync(link).startsWith(`${podLogsDir}/`)) unlinkSync(link);
    } catch {
      // Not a link, so not one of ours.
    }
  }
}

/** The CNI library remembers here what it did for each pod: our network by its name, the loopback by the pod. */
function removeNetworkResults(sharedDir = '/var/lib/cni/results'): void {
  const entries = listFolder(sharedDir);
  const pods = entries
    .filter((entry) => entry.startsWith(`${network.cniName}-`))
    .map((entry) => entry.slice(network.cniName.length + 1).split('-')[0] ?? '');
  for (const entry of entries) {
    if (pods.some((pod) => entry.includes(`-${pod}-`))) rmSync(join(sharedDir, entry), { force: true });
  }
}

function listFolder(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
