// An injected pod as the key service reads it back, ways to change it, and what the key service says of it then.
import { expect } from '@jest/globals';
import { SIDECAR_CONTAINER } from '@seks/crds';

import {
  NAMESPACE,
  SETTINGS,
  agentPod,
  container,
  created,
  injected,
  planRequest,
  testSigner,
} from '../fixtures.ts';
import type { RawContainer, RawPod } from '../raw-pod.ts';
import { verifyInjection } from '../verify.ts';
import type { Verification } from '../verify.ts';

export const signer = testSigner();
/** with the sidecar, and an init container of the author's after it */
export const SEALED = injected(
  planRequest({ signer, pod: agentPod({ initContainers: [container('prepare')] }) }),
).pod;

export const NO_RAW_SOCKETS = { capabilities: { drop: ['NET_RAW'] } };

export function verify(pod: unknown, namespace = NAMESPACE): Verification {
  const { apiAudiences } = SETTINGS;
  return verifyInjection({ pod, namespace, keys: signer.publicKeys(), apiAudiences });
}

/** message of a refusal, which must have the code for it; `accepted` when there is none */
export function refusal(pod: unknown, namespace = NAMESPACE): string {
  const verification = verify(pod, namespace);
  if (verification.ok) return 'accepted';
  expect(verification.error.code).toBe('SEKS_LEASE_POD_NOT_SEALED');
  return verification.error.message;
}

/** the created pod with a change */
export function changed(change: (pod: RawPod, sidecar: RawContainer) => void): RawPod {
  const pod = created(SEALED);
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER);
  if (sidecar === undefined) throw new Error('the fixture has no sidecar');
  change(pod, sidecar);
  return pod;
}
