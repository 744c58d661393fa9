import { UsageError } from './failures.ts';

/** `current`: the one of KUBECONFIG; `kind`: in Docker; `local`: a single node on this machine itself */
export type ClusterKind = 'current' | 'kind' | 'local';

export interface Surroundings {
  /** The environment variable CLUSTER */
  readonly wanted: string | undefined;
  readonly localClusterExists: boolean;
  readonly kindIsUsable: boolean;
}

/**
 * What the user names counts. Else a local cluster that exists already is the one that is meant; else kind where it
 * can run; else a local one. A mere KUBECONFIG in the environment chooses nothing: tests create and delete things,
 * and a cluster must have been named to be handed to them.
 */
export function chooseCluster(surroundings: Surroundings): ClusterKind {
  const { wanted } = surroundings;
  if (wanted === 'current' || wanted === 'kind' || wanted === 'local') return wanted;
  if (wanted !== undefined && wanted !== '') {
    throw new UsageError(`CLUSTER=${wanted} is none of current, kind, local`);
  }
  if (surroundings.localClusterExists) return 'local';
  return surroundings.kindIsUsable ? 'kind' : 'local';
}
