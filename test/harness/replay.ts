// A pod that was injected once, created again by somebody who copied it.
import { ANNOTATION_SEAL, SIDECAR_CONTAINER } from '@seks/crds';
import type { Kubectl, Pod } from './kubectl.ts';
import type { PodObject } from './objects.ts';

/** a copy with sidecar, volumes, labels and the seal, or another seal */
export function replay(
  donor: Pod,
  copy: { readonly name: string; readonly namespace: string; readonly seal?: string },
): PodObject {
  const { name, namespace, seal = donor.metadata.annotations?.[ANNOTATION_SEAL] } = copy;
  const { nodeName: _, ...spec } = donor.spec;
  const annotations = { [ANNOTATION_SEAL]: seal };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace, labels: donor.metadata.labels, annotations },
    spec,
  };
}

/** what the API server says to the creation of a pod; empty when it takes it */
export async function refusalOfPod(kubectl: Kubectl, pod: object): Promise<string> {
  const { code, stderr } = await kubectl.attempt(['create', '-f', '-'], { input: JSON.stringify(pod) });
  return code === 0 ? '' : stderr;
}

/** the termination message of a sidecar that gave up before its agent started */
export function lastWordsOf(kubectl: Kubectl, name: string, namespace: string): Promise<string> {
  return kubectl.waitFor({ kind: 'pod', name, namespace }, 'to have a sidecar that gave up', ({ status }) => {
    const agents = status?.containerStatuses ?? [];
    if (agents.some(({ state }) => state?.waiting === undefined)) throw new Error('an agent started');
    const sidecar = status?.initContainerStatuses?.find((container) => container.name === SIDECAR_CONTAINER);
    return sidecar?.lastState?.terminated?.message ?? sidecar?.state?.terminated?.message;
  });
}
