// Smaller copies of objects for stores: what nobody reads is half of most objects.
import { ANNOTATION_SEAL } from '@seks/crds';

import type { Pod } from './objects.ts';

/** the object without the field manager book-keeping of server-side apply */
export function dropManagedFields<T extends { metadata: object }>(object: T): T {
  const { managedFields: _dropped, ...metadata } = object.metadata as Record<string, unknown>;
  return { ...object, metadata };
}

/** all that the check of an injection looks at: the whole spec, and of the rest what identifies the pod */
export function prunePod(pod: Pod): Pod {
  return { metadata: prunePodMetadata(pod.metadata), spec: pod.spec, ...prunePhase(pod) };
}

/** a pod's metadata with all labels, and of the annotations only the seal */
export function prunePodMetadata(metadata: Pod['metadata']): Pod['metadata'] {
  const { name, namespace, uid, resourceVersion, creationTimestamp, deletionTimestamp, labels } = metadata;
  const seal = metadata.annotations?.[ANNOTATION_SEAL];
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
    ...(resourceVersion === undefined ? {} : { resourceVersion }),
    ...(creationTimestamp === undefined ? {} : { creationTimestamp }),
    ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
    ...(labels === undefined ? {} : { labels }),
    ...(seal === undefined ? {} : { annotations: { [ANNOTATION_SEAL]: seal } }),
  };
}

/** whether the pod is neither finished nor being deleted */
export function isLive(pod: Pod): boolean {
  const phase = pod.status?.phase;
  return pod.metadata.deletionTimestamp === undefined && phase !== 'Succeeded' && phase !== 'Failed';
}

/** the phase alone, from a pod's status */
export function prunePhase(pod: Pod): { status?: { phase: string } } {
  return pod.status?.phase === undefined ? {} : { status: { phase: pod.status.phase } };
}
