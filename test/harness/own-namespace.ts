// A namespace of a test file's own, with a name that is used once, so that a run never meets what an earlier one left.
import { randomBytes } from 'node:crypto';
import { INJECTION_ENABLED, LABEL_INJECTION } from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import type { Kubectl } from './kubectl.ts';

export interface OwnNamespace {
  readonly name: string;
  /** deletes it and does not wait */
  remove(): Promise<void>;
}

/** a namespace in which pods can be created; opted in unless told otherwise */
export async function ownNamespace(
  kubectl: Kubectl,
  purpose: string,
  options: { readonly optedIn?: boolean } = {},
): Promise<OwnNamespace> {
  const name = `e2eb-${purpose}-${randomBytes(3).toString('hex')}`;
  const labels = options.optedIn === false ? {} : { [LABEL_INJECTION]: INJECTION_ENABLED };
  await kubectl.apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } });
  // Pods are refused until the controller manager has made this one.
  await waitUntil(async () => (await kubectl.get('serviceaccount', 'default', name)) !== undefined, {
    what: `the default ServiceAccount of ${name}`,
    timeoutMs: 30_000,
  });
  return {
    name,
    async remove() {
      await kubectl.run(['delete', 'namespace', name, '--wait=false', '--ignore-not-found']);
    },
  };
}
