// What the webhook does with one pod: leave it, inject it, or refuse it with a code. Pure: time, randomness, the
// catalogue and the signing key are arguments.
import { ANNOTATION_SEAL, LABEL_INJECT, SIDECAR_CONTAINER, SeksError, toSeksError } from '@seks/crds';
import type { InjectionConfig, Provider, SeksBinding, SidecarSettings } from '@seks/crds';

import { buildPatch, dropRawSockets } from './build-patch.ts';
import { planEnv } from './env-change.ts';
import { tokenAudienceFinding } from './exposure.ts';
import type { Finding } from './finding.ts';
import { claimsIn, grantCredentials, grantWarnings, injectedBinding } from './grants.ts';
import {
  grantedCredentials,
  interceptFinding,
  interceptWarnings,
  interceptionOf,
  modesIn,
} from './interception.ts';
import { amenitiesOf, proxyBypass } from './intercept-variables.ts';
import { applyPatch } from './json-patch.ts';
import type { JsonPatch } from './json-patch.ts';
import { parsePod, placedContainers, serviceAccountOf } from './raw-pod.ts';
import type { RawPod } from './raw-pod.ts';
import { reservedNameFinding, reservedPathFinding } from './reserved-names.ts';
import { makeSeal, readSeal } from './seal.ts';
import type { InjectionSigner } from './seal.ts';
import { sealedPodFinding } from './sealed-pod.ts';
import { selects } from './selects.ts';

/**
 * How old a seal may be on the webhook's second pass over the same pod, in either direction of clock skew. Nothing in a pod tells
 * a second pass from a copy made within this time in the same namespace for the same ServiceAccount; whoever may create
 * such a copy may create a pod of its own, and the key service asks whether the bindings select it.
 */
const MAX_SECOND_PASS_SECONDS = 60;

/** what the operator's administrator and the running operator decide for every injection */
export interface InjectionSettings {
  sidecar: SidecarSettings;
  keyService: {
    /** `https://seks-keyservice.<ns>.svc.<cluster domain>:8443` */
    url: string;
    /** PEM certificates that the key service's certificate is checked with */
    caBundle: string;
  };
  /** audiences that the API server takes for its own, besides the empty one */
  apiAudiences: readonly string[];
}

export interface PlanRequest {
  /** the pod exactly as the API server sent it; its shape is checked */
  pod: unknown;
  /** namespace of the admission request; a pod's own metadata may lack it */
  namespace: string;
  /** bindings of that namespace, whether they select the pod or not */
  bindings: readonly SeksBinding[];
  /** throws SeksError SEKS_PROVIDER_UNKNOWN or SEKS_PROVIDER_INVALID */
  provider: (name: string) => Provider;
  settings: InjectionSettings;
  signer: InjectionSigner;
  nowMs: number;
  randomBytes: (size: number) => Uint8Array;
}

export type InjectionPlan =
  | { kind: 'untouched' }
  | { kind: 'inject'; patch: JsonPatch; warnings: string[] }
  | { kind: 'deny'; error: SeksError };

/** decides about one pod at CREATE; the second call on its own result changes nothing */
export function planInjection(request: PlanRequest): InjectionPlan {
  try {
    return decide(request, parsePod(request.pod));
  } catch (cause) {
    return { kind: 'deny', error: toSeksError(cause) };
  }
}

function decide(request: PlanRequest, pod: RawPod): InjectionPlan {
  if (placedContainers(pod).some(({ container }) => container.name === SIDECAR_CONTAINER)) {
    // Another webhook may have added a container since the first pass.
    const patch = dropRawSockets(pod);
    deny(secondPassFinding(request, applyPatch(pod, patch)));
    return patch.length === 0 ? { kind: 'untouched' } : { kind: 'inject', patch, warnings: [] };
  }
  deny(reservedNameFinding(pod) ?? tokenAudienceFinding(pod));
  const bindings = request.bindings
    .filter((binding) => binding.metadata.namespace === request.namespace && selects(binding, pod))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  if (bindings.length > 0) return inject(request, pod, bindings);
  if (pod.metadata?.labels?.[LABEL_INJECT] === 'true') {
    throw new SeksError('SEKS_INJECT_NO_BINDING', `Namespace: ${request.namespace}.`);
  }
  return { kind: 'untouched' };
}

function inject(request: PlanRequest, pod: RawPod, bindings: readonly SeksBinding[]): InjectionPlan {
  const granted = grantCredentials(pod, bindings, request);
  const interception = interceptionOf(grantedCredentials(granted));
  deny(reservedPathFinding(pod) ?? interceptFinding(pod, interception));
  const config: InjectionConfig = {
    version: 1,
    namespace: request.namespace,
    serviceAccountName: serviceAccountOf(pod),
    issuedAtSeconds: Math.floor(request.nowMs / 1000),
    sidecar: request.settings.sidecar,
    keyService: request.settings.keyService,
    interception,
    bindings: granted.map(injectedBinding),
  };
  const bypass = proxyBypass(config.keyService.url);
  const env = placedContainers(pod).map((place) => {
    const { name } = place.container;
    const amenities = amenitiesOf(modesIn(name, granted));
    return { place, change: planEnv(place, claimsIn(name, granted), { amenities, bypass }) };
  });
  const patch = buildPatch({ pod, config, seal: makeSeal(config, request.signer), env });
  // What the key service will ask about the running pod is asked here first, of the pod that the patch makes: so no
  // pod is admitted that never gets a lease, and the two can not drift apart.
  const { apiAudiences } = request.settings;
  deny(sealedPodFinding(applyPatch(pod, patch), { namespace: request.namespace, config, apiAudiences }));
  const warnings = [
    ...grantWarnings(granted, request.nowMs),
    ...interceptWarnings(pod, granted),
    ...env.flatMap(({ change }) => change.warnings),
  ];
  if (pod.spec.automountServiceAccountToken === true) {
    warnings.push(
      'spec.automountServiceAccountToken is set to false; project a token with an audience instead.',
    );
  }
  return { kind: 'inject', patch, warnings };
}

/** why a pod that already has a sidecar is not simply our own, seen again after another webhook changed it */
function secondPassFinding(
  { namespace, settings, signer, nowMs }: PlanRequest,
  pod: RawPod,
): Finding | undefined {
  const seal = pod.metadata?.annotations?.[ANNOTATION_SEAL];
  if (seal === undefined) {
    return { code: 'SEKS_INJECT_SIDECAR_EXISTS', detail: `The pod has no annotation ${ANNOTATION_SEAL}.` };
  }
  const reading = readSeal(seal, signer.publicKeys());
  if (!reading.ok) return stale(reading.problem);
  if (Math.abs(nowMs / 1000 - reading.config.issuedAtSeconds) > MAX_SECOND_PASS_SECONDS) {
    return stale('The seal was made for an earlier pod.');
  }
  const { config } = reading;
  return (
    sealedPodFinding(pod, { namespace, config, apiAudiences: settings.apiAudiences }) ??
    interceptFinding(pod, config.interception)
  );
}

function stale(detail: string): Finding {
  return { code: 'SEKS_INJECT_SEAL_STALE', detail };
}

function deny(finding: Finding | undefined): void {
  if (finding !== undefined) throw new SeksError(finding.code, finding.detail);
}
