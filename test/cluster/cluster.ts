import { toolSources, setOfBinary } from './binaries/catalogue.ts';
import { missingBinaries, obtainTools, toolFile } from './binaries/obtain.ts';
import { chooseCluster, type ClusterKind } from './choice.ts';
import { findProgram } from './command.ts';
import { CannotRunHere, StepFailed, UsageError } from './failures.ts';
import { kindDown, kindExists, kindIsUsable, kindKubeconfig, kindUp, requireKind } from './kind.ts';
import { localDown } from './local/down.ts';
import { readState } from './local/state.ts';
import { localUp } from './local/up.ts';
import { withMachineLock } from './machine-lock.ts';
import { clusterPaths, type Environment } from './paths.ts';
import { terminalProgress, type Progress } from './progress.ts';
import { localStatus, remoteStatus, type ClusterStatus } from './status.ts';

/** The cluster for tests, as the commands and other suites use it. All functions default to this process's surroundings. */
export interface ClusterContext {
  readonly env: Environment;
  readonly progress: Progress;
}

export const ambientContext = (): ClusterContext => ({
  env: process.env,
  progress: terminalProgress(process.stderr),
});

export interface UpOptions {
  readonly auditLog?: boolean;
}

/** Brings a cluster up, or finds it up, and gives the path of its kubeconfig. */
export async function up(
  options: UpOptions = {},
  context: ClusterContext = ambientContext(),
): Promise<string> {
  const kind = await clusterKind(context.env);
  const { env, progress } = context;
  const paths = clusterPaths(env);
  const obtain = { cacheDir: paths.cache, env, progress };
  await withMachineLock('cluster', lockOptions(progress), async () => {
    if (kind === 'local') return localUp({ ...obtain, paths, auditLog: options.auditLog === true });
    if (kind === 'kind') await requireKind();
    await Promise.all([ensureTool('kubectl', context), ensureTool('helm', context)]);
    if (kind === 'kind') await kindUp(paths.cache, progress);
    const present = await status(context);
    if (!present.ready)
      throw new StepFailed(`the cluster of ${present.kubeconfig} is not ready`, present.problems.join('\n'));
  });
  return kubeconfigPath(context);
}

export async function down(
  options: { purge?: boolean } = {},
  context: ClusterContext = ambientContext(),
): Promise<void> {
  const kind = await clusterKind(context.env);
  const { progress } = context;
  const paths = clusterPaths(context.env);
  if (kind === 'current') {
    progress.say('CLUSTER=current: that cluster was not started here, and stays as it is');
    return;
  }
  await withMachineLock('cluster', lockOptions(progress), async () => {
    if (kind === 'kind') return kindDown(paths.cache, progress);
    if (process.getuid?.() !== 0)
      throw new CannotRunHere('stopping the local cluster needs root', 'run it as root');
    await localDown({ paths, progress, purge: options.purge === true });
  });
}

export async function status(context: ClusterContext = ambientContext()): Promise<ClusterStatus> {
  const kind = await clusterKind(context.env);
  const paths = clusterPaths(context.env);
  if (kind === 'local') return localStatus(paths);
  const kubeconfig = await kubeconfigPath(context);
  if (kind === 'kind' && !(await kindExists())) {
    return { kind, ready: false, kubeconfig, processes: {}, problems: ['the cluster is not running'] };
  }
  const built = toolFile(paths.cache, context.env, 'kubernetes', 'kubectl');
  const kubectl = missingBinaries('kubernetes', { cacheDir: paths.cache, env: context.env }).includes(
    'kubectl',
  )
    ? 'kubectl'
    : built;
  return remoteStatus(kind, kubectl, kubeconfig);
}

export async function kubeconfigPath(context: ClusterContext = ambientContext()): Promise<string> {
  const kind = await clusterKind(context.env);
  const paths = clusterPaths(context.env);
  if (kind === 'local') return paths.kubeconfig;
  if (kind === 'kind') return kindKubeconfig(paths.cache);
  const named = context.env['KUBECONFIG'];
  if (named === undefined || named === '')
    throw new UsageError('CLUSTER=current needs KUBECONFIG to name a file');
  return named;
}

/** The path of a tool: `kubectl`, `helm`, `coredns`, … from the cache, `etcd`, `containerd`, … from the system. */
export function toolPath(name: string, env: Environment = process.env): string {
  const set = setOfBinary(name);
  if (set !== undefined) return toolFile(clusterPaths(env).cache, env, set, name);
  const found = findProgram(name, env['PATH']);
  if (found === undefined)
    throw new CannotRunHere(`the program ${name} is missing`, 'bring the cluster up first: make cluster-up');
  return found;
}

/** As `toolPath`, for a tool that may have to be downloaded or built first, such as kwok or kubeconform. */
export async function ensureTool(name: string, context: ClusterContext = ambientContext()): Promise<string> {
  const set = setOfBinary(name);
  if (set === undefined) {
    const known = Object.values(toolSources).flatMap((source) => source.binaries);
    throw new UsageError(`unknown tool ${name}; known are ${known.join(', ')}`);
  }
  // For kind and current, an installed kubectl or helm spares the build.
  if ((name === 'kubectl' || name === 'helm') && (await clusterKind(context.env)) !== 'local') {
    const installed = findProgram(name, context.env['PATH']);
    if (installed !== undefined) return installed;
  }
  await obtainTools(set, { cacheDir: clusterPaths(context.env).cache, ...context });
  return toolPath(name, context.env);
}

export async function clusterKind(env: Environment): Promise<ClusterKind> {
  const localClusterExists = readState(clusterPaths(env).stateFile) !== undefined;
  const wanted = env['CLUSTER'];
  const named = wanted !== undefined && wanted !== '';
  return chooseCluster({
    wanted,
    localClusterExists,
    // Asking Docker takes a moment; only where the answer matters.
    kindIsUsable: !named && !localClusterExists && (await kindIsUsable()),
  });
}

function lockOptions(progress: Progress): { timeoutMs: number; onWait: (holder: string) => void } {
  return {
    timeoutMs: 60 * 60_000,
    onWait: (holder) => progress.say(`${holder} is at work on the cluster; waiting for it`),
  };
}
