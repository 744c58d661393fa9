// Finds the cluster that tests may use: the one of KUBECONFIG, or the one that test/cluster keeps.
import { kubeconfigPath, status, toolPath, ensureTool } from '../cluster/cluster.ts';
import type { ClusterContext } from '../cluster/cluster.ts';
import { attempt } from '../cluster/command.ts';
import { createKubectl, type Kubectl } from './kubectl.ts';

export interface ClusterAccess {
  readonly kubectl: Kubectl;
  readonly helm: string;
  readonly context: ClusterContext;
}

/** the cluster that KUBECONFIG names; a sentence with the reason when there is none */
export async function findCluster(context: ClusterContext): Promise<ClusterAccess | string> {
  const kubeconfig = context.env['KUBECONFIG'];
  if (kubeconfig === undefined || kubeconfig === '') return 'KUBECONFIG is not set';
  const kubectl = await tool('kubectl', context);
  const answer = await attempt(kubectl, ['get', '--raw', '/readyz', '--request-timeout=5s'], {
    env: { KUBECONFIG: kubeconfig },
  });
  if (answer.code !== 0) return `the API server of ${kubeconfig} does not answer: ${answer.stderr.trim()}`;
  return { kubectl: createKubectl(kubectl, kubeconfig), helm: await tool('helm', context), context };
}

/** the cluster that test/cluster keeps, which must be up */
export async function keptCluster(context: ClusterContext): Promise<ClusterAccess | undefined> {
  if (!(await status(context)).ready) return undefined;
  const kubeconfig = await kubeconfigPath(context);
  return {
    kubectl: createKubectl(await tool('kubectl', context), kubeconfig),
    helm: await tool('helm', context),
    context,
  };
}

async function tool(name: 'kubectl' | 'helm', context: ClusterContext): Promise<string> {
  const path = toolPath(name, context.env);
  return (await attempt(path, ['version', '--client'])).code === 0 ? path : ensureTool(name, context);
}
