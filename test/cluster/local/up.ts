import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeFileAtomically } from '../atomic-file.ts';
import { checkToolsObtainable, obtainTools, toolFile, type ObtainContext } from '../binaries/obtain.ts';
import { kubernetesBinaries, type ToolSet } from '../binaries/catalogue.ts';
import { findProgram } from '../command.ts';
import { ensureDebianPackages } from '../debian.ts';
import { CannotRunHere } from '../failures.ts';
import { ownedProcesses, type OwnedProcesses } from '../owned-process.ts';
import type { ClusterPaths } from '../paths.ts';
import { waitUntil } from '../wait-until.ts';
import { cgroupName, ports } from './addresses.ts';
import { apiClient, type ApiClient } from './api-client.ts';
import { ensureBridge } from './bridge.ts';
import { ensureCertificates } from './certificates.ts';
import { cgroupMounts, makeCgroups } from './cgroups.ts';
import { containerRuntime } from './containers.ts';
import { apiServer, auditPolicyText, controllerManager, etcd, scheduler } from './control-plane.ts';
import { criIsReady } from './cri.ts';
import { applyNeededSettings, readSettings } from './host-settings.ts';
import { hasKubeChains, savedRules } from './iptables-cleanup.ts';
import { componentKubeconfigPath, writeKubeconfig } from './kubeconfig.ts';
import { readMountInfo } from './mounts.ts';
import {
  containerd,
  coreDns,
  hasCniPlugins,
  kubelet,
  kubeProxy,
  pauseImage,
  type ConfiguredProcess,
} from './node.ts';
import { applyClusterObjects } from './objects.ts';
import { ensurePauseArchive } from './pause-image.ts';
import { checkMachine, checkNetworking, missingPackages } from './preflight.ts';
import { apiIsReady, readinessChecks, waitForReadiness } from './readiness.ts';
import { kubeletSharedDir, readState, writeState } from './state.ts';

export interface LocalUpOptions extends ObtainContext {
  readonly paths: ClusterPaths;
  readonly auditLog: boolean;
}

/** Brings the single-node cluster up, from whatever state an earlier run was stopped in. */
export async function localUp(options: LocalUpOptions): Promise<void> {
  const { paths, progress } = options;
  await checkMachine();
  await Promise.all([checkToolsObtainable('kubernetes', options), checkToolsObtainable('coredns', options)]);

  // Packages are bound by the network and builds by the processor: at the same time. The parts that the first
  // processes do without are built while those already start.
  const kubernetesReady = obtainTools('kubernetes', options);
  const laterTools = obtainAfter(kubernetesReady, ['coredns', 'helm'], options);
  // Awaited below; until then a failure must not end the process as unhandled.
  laterTools.catch(() => undefined);
  await Promise.all([
    ensureDebianPackages(missingPackages(findProgram, hasCniPlugins()), progress),
    kubernetesReady,
  ]);
  await checkNetworking();

  const processes = ownedProcesses(paths.pids, paths.logs);
  await progress.step('network, certificates, configuration', () => prepare(paths));
  const api = apiClient(paths.pki);
  await progress.step('control plane', (note) => startControlPlane(options, processes, api, note));
  await progress.step('container runtime', () => startContainerd(options, processes));
  await laterTools;
  await progress.step('node', () => startNode(options, processes));
  await progress.step('cluster ready', (note) =>
    waitForReadiness(readinessChecks(api, paths.pki), processes, note),
  );
}

async function obtainAfter(
  earlier: Promise<void>,
  sets: readonly ToolSet[],
  context: ObtainContext,
): Promise<void> {
  await earlier;
  for (const set of sets) await obtainTools(set, context);
}

/** Where a program of the cluster is: built or downloaded ones in the cache, the others as Debian installed them. */
export function localProgram(context: Pick<ObtainContext, 'cacheDir' | 'env'>): (name: string) => string {
  return (name) => {
    const built = (kubernetesBinaries as readonly string[]).includes(name) ? 'kubernetes' : name;
    if (built === 'kubernetes' || built === 'coredns')
      return toolFile(context.cacheDir, context.env, built, name);
    const found = findProgram(name);
    if (found === undefined)
      throw new CannotRunHere(`the program ${name} is missing`, `install it and put it on PATH`);
    return found;
  };
}

async function prepare(paths: ClusterPaths): Promise<void> {
  mkdirSync(paths.run, { recursive: true });
  mkdirSync(join(paths.state, 'etcd'), { recursive: true, mode: 0o700 });
  if (readState(paths.stateFile) === undefined) {
    writeState(paths.stateFile, {
      createdAt: new Date().toISOString(),
      settingsBefore: readSettings(),
      foreignKubeChains: hasKubeChains(await savedRules('iptables')),
      foreignKubeletDir: existsSync(kubeletSharedDir),
    });
  }
  applyNeededSettings();
  makeCgroups(cgroupMounts(readMountInfo()), cgroupName);
  await ensureBridge();
  await ensureCertificates(paths.pki);
  writeFileAtomically(join(paths.config, 'audit-policy.yaml'), auditPolicyText);
  for (const component of ['controller-manager', 'scheduler', 'kubelet', 'proxy', 'dns']) {
    writeKubeconfig(paths.pki, component, componentKubeconfigPath(paths.config, component));
  }
  writeKubeconfig(paths.pki, 'admin', paths.kubeconfig);
}

async function startControlPlane(
  options: LocalUpOptions,
  processes: OwnedProcesses,
  api: ApiClient,
  note: (text: string) => void,
): Promise<void> {
  const plane = { paths: options.paths, program: localProgram(options), auditLog: options.auditLog };
  await processes.ensure(etcd(plane));
  await waitUntil(() => etcdIsHealthy(), {
    what: 'etcd',
    timeoutMs: 30_000,
    logFile: processes.logFile('etcd'),
    hopeless: () => processes.whyDead('etcd'),
  });
  note('kube-apiserver');
  await processes.ensure(apiServer(plane));
  await waitUntil(() => apiIsReady(api), {
    what: 'the API server',
    timeoutMs: 90_000,
    logFile: processes.logFile('kube-apiserver'),
    hopeless: () => processes.whyDead('kube-apiserver'),
  });
  await processes.ensure(controllerManager(plane));
  await processes.ensure(scheduler(plane));
  await applyClusterObjects(api);
}

async function etcdIsHealthy(): Promise<boolean> {
  const answer = await fetch(`http://127.0.0.1:${ports.etcdClient}/health`, {
    signal: AbortSignal.timeout(2_000),
  });
  return answer.ok;
}

async function startContainerd(options: LocalUpOptions, processes: OwnedProcesses): Promise<void> {
  const { paths } = options;
  const program = localProgram(options);
  await ensureConfigured(processes, containerd(paths, program));
  const runtime = containerRuntime(program('ctr'), paths.containerdSocket);
  const wait = {
    timeoutMs: 30_000,
    logFile: processes.logFile('containerd'),
    hopeless: () => processes.whyDead('containerd'),
  };
  await waitUntil(() => runtime.isReady(), { ...wait, what: 'containerd' });
  await waitUntil(() => criIsReady(paths.containerdSocket), {
    ...wait,
    what: 'containerd to serve the kubelet',
  });
  if (!(await runtime.hasImage(pauseImage)))
    await runtime.importImage(await ensurePauseArchive(options.cacheDir));
}

async function startNode(options: LocalUpOptions, processes: OwnedProcesses): Promise<void> {
  const program = localProgram(options);
  await ensureConfigured(processes, kubeProxy(options.paths, program));
  await ensureConfigured(processes, coreDns(options.paths, program));
  await ensureConfigured(processes, kubelet(options.paths, program));
}

async function ensureConfigured(
  processes: OwnedProcesses,
  { spec, files }: ConfiguredProcess,
): Promise<void> {
  for (const [path, text] of Object.entries(files)) writeFileAtomically(path, text);
  await processes.ensure(spec);
}
