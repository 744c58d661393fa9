import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where things are kept. The cluster is one per machine, however many clones of the repository share it. */
export interface ClusterPaths {
  /** Built and downloaded things, by version; may be deleted at any time, at the price of a cold start */
  readonly cache: string;
  /** The running cluster: data, certificates, pid files */
  readonly state: string;
  /** Sockets, and what is mounted */
  readonly run: string;
  readonly logs: string;
  readonly pids: string;
  readonly pki: string;
  readonly config: string;
  readonly kubeconfig: string;
  readonly stateFile: string;
  readonly containerdSocket: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export function clusterPaths(env: Environment): ClusterPaths {
  const state = '/var/lib/seks-test-cluster';
  const run = '/run/seks-test-cluster';
  return {
    cache: env['SEKS_CACHE_DIR'] || join(env['HOME'] || homedir(), '.cache', 'seks'),
    state,
    run,
    logs: join(state, 'logs'),
    pids: join(state, 'pids'),
    pki: join(state, 'pki'),
    config: join(state, 'config'),
    kubeconfig: join(state, 'kubeconfig'),
    stateFile: join(state, 'state.json'),
    containerdSocket: join(run, 'containerd.sock'),
  };
}
