// Namespaces of one test file's own on the installed product, and bindings that the operator has taken note of.
import { randomBytes } from 'node:crypto';
import { waitUntil } from '../cluster/wait-until.ts';
import type { Kubectl, LiveObject } from '../harness/kubectl.ts';

export const OPTED_IN = { 'seks.ai/injection': 'enabled' } as const;

/** a new namespace in which pods can be created; the caller removes it with {@link removeNamespaces} */
export async function makeNamespace(
  kubectl: Kubectl,
  purpose: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<string> {
  const name = `int-${purpose}-${randomBytes(3).toString('hex')}`;
  await kubectl.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  // Pods are refused until the controller manager has made this one.
  await waitUntil(async () => await kubectl.get('serviceaccount', 'default', name), {
    what: `the default ServiceAccount of ${name}`,
    timeoutMs: 60_000,
  });
  return name;
}

/** deletes them with all that is in them, and does not wait */
export async function removeNamespaces(kubectl: Kubectl, ...names: (string | undefined)[]): Promise<void> {
  const made = names.filter((name) => name !== undefined);
  if (made.length > 0)
    await kubectl.run(['delete', 'namespace', ...made, '--ignore-not-found', '--wait=false']);
}

/** a binding as `status` has it */
export interface StoredBinding extends LiveObject {
  readonly metadata: LiveObject['metadata'] & {
    readonly generation: number;
    readonly resourceVersion: string;
  };
  readonly status?: LiveObject['status'] & {
    readonly conditions?: readonly {
      readonly type: string;
      readonly status: string;
      readonly reason?: string;
      readonly message?: string;
      readonly lastTransitionTime?: string;
      readonly observedGeneration?: number;
    }[];
  };
}

/**
 * Applies a binding and waits until its status is about this generation. The webhook lives in the same process and looks into
 * the same cache, so from then on it injects by it.
 */
export async function applyBinding(kubectl: Kubectl, binding: object): Promise<void> {
  await kubectl.apply(binding);
  const { metadata } = binding as { metadata: { name: string; namespace: string } };
  await kubectl.waitFor({ kind: 'seksbinding', ...metadata }, 'to be seen by the operator', (found) => {
    const { metadata, status } = found as StoredBinding;
    return status?.observedGeneration === metadata.generation;
  });
}
