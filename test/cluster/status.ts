import { accessSync, constants, existsSync } from 'node:fs';
import { attempt } from './command.ts';
import type { ClusterKind } from './choice.ts';
import type { ClusterPaths } from './paths.ts';
import { apiClient } from './local/api-client.ts';
import { readinessChecks } from './local/readiness.ts';
import { ownedProcesses } from './owned-process.ts';

export interface ClusterStatus {
  readonly kind: ClusterKind;
  readonly ready: boolean;
  readonly kubeconfig: string;
  /** pids by name; empty where the cluster's processes are not ours to know */
  readonly processes: Readonly<Record<string, number>>;
  /** What is missing for `ready`, in words */
  readonly problems: readonly string[];
}

const localProcesses = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'containerd',
  'kube-proxy',
  'coredns',
  'kubelet',
];

export async function localStatus(paths: ClusterPaths): Promise<ClusterStatus> {
  const processes = ownedProcesses(paths.pids, paths.logs);
  if (existsSync(paths.state) && !isReadable(paths.state)) {
    const problems = [`${paths.state} can be read by root only`];
    return { kind: 'local', ready: false, kubeconfig: paths.kubeconfig, processes: {}, problems };
  }
  const pids = Object.fromEntries(
    localProcesses.flatMap((name) => {
      const pid = processes.pid(name);
      return pid === undefined ? [] : [[name, pid]];
    }),
  );
  const ended = localProcesses.filter((name) => pids[name] === undefined);
  const problems = ended.map((name) => `${name} is not running`);
  if (ended.length === localProcesses.length)
    problems.splice(0, problems.length, 'the cluster is not running');
  else if (existsSync(paths.pki)) problems.push(...(await failingChecks(paths)));
  return {
    kind: 'local',
    ready: problems.length === 0,
    kubeconfig: paths.kubeconfig,
    processes: pids,
    problems,
  };
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function failingChecks(paths: ClusterPaths): Promise<string[]> {
  const checks = readinessChecks(apiClient(paths.pki), paths.pki);
  const answers = await Promise.all(
    checks.map((check) =>
      check.holds().then(
        (holds) => (holds ? undefined : `not yet: ${check.what}`),
        (error: unknown) =>
          `not yet: ${check.what} (${error instanceof Error ? error.message : String(error)})`,
      ),
    ),
  );
  return answers.filter((answer) => answer !== undefined);
}

/** A cluster that somebody else runs: it is ready when its API server says so. */
export async function remoteStatus(
  kind: ClusterKind,
  kubectl: string,
  kubeconfig: string,
): Promise<ClusterStatus> {
  const answer = await attempt(kubectl, [
    '--kubeconfig',
    kubeconfig,
    '--request-timeout=10s',
    'get',
    '--raw',
    '/readyz',
  ]);
  const problems = answer.code === 0 ? [] : [answer.stderr.trim() || answer.stdout.trim()];
  return { kind, ready: answer.code === 0, kubeconfig, processes: {}, problems };
}

export function statusText(status: ClusterStatus): string {
  const lines = [
    `cluster:    ${status.kind}`,
    `ready:      ${status.ready ? 'yes' : 'no'}`,
    `kubeconfig: ${status.kubeconfig}`,
  ];
  const running = Object.entries(status.processes).map(([name, pid]) => `${name} (${pid})`);
  if (running.length > 0) lines.push(`processes:  ${running.join(', ')}`);
  for (const problem of status.problems) lines.push(`problem:    ${problem}`);
  return `${lines.join('\n')}\n`;
}
