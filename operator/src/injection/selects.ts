// Which pods a binding means.
import type { SeksBinding } from '@seks/crds';

import { serviceAccountOf } from './raw-pod.ts';
import type { RawPod } from './raw-pod.ts';

/** whether the binding's pod selector and ServiceAccount match; the namespace is the caller's question */
export function selects(binding: SeksBinding, pod: RawPod): boolean {
  const { podSelector, serviceAccountName } = binding.spec;
  if (serviceAccountName !== undefined && serviceAccountName !== serviceAccountOf(pod)) return false;
  const labels = new Map(Object.entries(pod.metadata?.labels ?? {}));
  const matchLabels = Object.entries(podSelector.matchLabels ?? {});
  const matchExpressions = podSelector.matchExpressions ?? [];
  // The CRD refuses an empty selector; should one slip through, it must not hand the keys to every pod.
  if (matchLabels.length + matchExpressions.length === 0) return false;
  return (
    matchLabels.every(([key, value]) => labels.get(key) === value) &&
    matchExpressions.every((requirement) => holds(requirement, labels))
  );
}

interface Requirement {
  key: string;
  operator: string;
  values?: readonly string[] | undefined;
}

function holds({ key, operator, values = [] }: Requirement, labels: ReadonlyMap<string, string>): boolean {
  const value = labels.get(key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      // As in Kubernetes: a pod without the label is not in the set either.
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    default:
      return false;
  }
}
