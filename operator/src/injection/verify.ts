// Whether a pod is still as the webhook injected it. Key service, controller and `kubectl seks check` ask the same
// question with the same function.
import type { JsonWebKey } from 'node:crypto';

import { ANNOTATION_SEAL, SeksError } from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';

import type { RawPod } from './raw-pod.ts';
import { parsePod } from './raw-pod.ts';
import { sealedPodFinding } from './sealed-pod.ts';
import { readSeal } from './seal.ts';

/** time between seal and creation of the pod: an admission chain takes at most 30 s, the rest is clock skew */
const MAX_SEAL_AGE_SECONDS = 120;

export interface VerifyRequest {
  /** the pod as JSON; its shape is checked */
  pod: unknown;
  /** namespace that the pod was read from */
  namespace: string;
  /** public keys from the trust ConfigMap */
  keys: readonly JsonWebKey[];
  /** audiences that the API server takes for its own, besides the empty one */
  apiAudiences: readonly string[];
}

export type Verification = { ok: true; config: InjectionConfig } | { ok: false; error: SeksError };

/** checks signature, owner, age, sidecar, volume and every other container; the error names the first difference */
export function verifyInjection({ pod: raw, namespace, keys, apiAudiences }: VerifyRequest): Verification {
  let pod: RawPod;
  try {
    pod = parsePod(raw);
  } catch (cause) {
    return refused('The pod is malformed.', cause);
  }
  const seal = pod.metadata?.annotations?.[ANNOTATION_SEAL];
  if (seal === undefined) return refused(`metadata.annotations has no ${ANNOTATION_SEAL}.`);
  const reading = readSeal(seal, keys);
  if (!reading.ok) return refused(reading.problem);
  const { config } = reading;
  // A seal that was copied from an older pod into a new one fails here.
  const createdSeconds = Date.parse(pod.metadata?.creationTimestamp ?? '') / 1000;
  if (!(Math.abs(createdSeconds - config.issuedAtSeconds) <= MAX_SEAL_AGE_SECONDS)) {
    return refused('The seal was not made when metadata.creationTimestamp says that the pod was created.');
  }
  const finding = sealedPodFinding(pod, { namespace, config, apiAudiences });
  return finding === undefined ? { ok: true, config } : refused(finding.detail);
}

function refused(detail: string, cause?: unknown): Verification {
  return { ok: false, error: new SeksError('SEKS_LEASE_POD_NOT_SEALED', detail, { cause }) };
}
