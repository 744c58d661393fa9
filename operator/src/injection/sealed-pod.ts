// Whether a pod is what the config of its seal says. The webhook asks it about its own second pass, the key service
// about a running pod.
import { SIDECAR_CONTAINER } from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';

import { firstDifference } from './difference.ts';
import { exposureFinding } from './exposure.ts';
import type { Finding } from './finding.ts';
import { isolationFinding } from './isolation.ts';
import { placedContainers, serviceAccountOf } from './raw-pod.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';
import { sidecarProfileFinding } from './reserved-names.ts';
import { buildSidecar, buildVolumes, sealedKeys } from './sidecar.ts';

/**
 * Variables that cloud identity webhooks put into every container. The sidecar loads no cloud SDK, so their values do
 * not matter; anything else that is added makes the pod differ.
 */
const FOREIGN_ENV: ReadonlySet<string> = new Set([
  'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
  'AWS_CONTAINER_CREDENTIALS_FULL_URI',
  'AWS_DEFAULT_REGION',
  'AWS_REGION',
  'AWS_ROLE_ARN',
  'AWS_STS_REGIONAL_ENDPOINTS',
  'AWS_WEB_IDENTITY_TOKEN_FILE',
  'AZURE_AUTHORITY_HOST',
  'AZURE_CLIENT_ID',
  'AZURE_FEDERATED_TOKEN_FILE',
  'AZURE_TENANT_ID',
  // Gardener and AKS point pods at the API server's real name; the sidecar never calls it.
  'KUBERNETES_SERVICE_HOST',
]);

/** mounts that the same webhooks add, by volume name; the sidecar reads nothing below these paths */
const FOREIGN_MOUNTS: ReadonlyMap<string, string> = new Map([
  ['aws-iam-token', '/var/run/secrets/eks.amazonaws.com/serviceaccount'],
  ['eks-pod-identity-token', '/var/run/secrets/pods.eks.amazonaws.com/serviceaccount'],
  ['azure-identity-token', '/var/run/secrets/azure/tokens'],
]);

/** what a pod is held against */
export interface ExpectedPod {
  namespace: string;
  /** from the pod's seal */
  config: InjectionConfig;
  /** audiences that the API server takes for its own, besides the empty one */
  apiAudiences: readonly string[];
}

/** the first way in which a pod differs from its seal, or in which another of its containers could reach the keys */
export function sealedPodFinding(
  pod: RawPod,
  { namespace, config, apiAudiences }: ExpectedPod,
): Finding | undefined {
  return (
    ownerFinding(pod, namespace, config) ??
    sidecarProfileFinding(pod) ??
    sidecarFinding(pod, config) ??
    volumeFinding(pod, config) ??
    exposureFinding(pod, { secrets: new Set(sealedKeys(config).keys()), apiAudiences }) ??
    isolationFinding(pod)
  );
}

function ownerFinding(pod: RawPod, namespace: string, config: InjectionConfig): Finding | undefined {
  const inPod = pod.metadata?.namespace ?? namespace;
  if (config.namespace !== namespace || inPod !== namespace) {
    return { code: 'SEKS_INJECT_SEAL_STALE', detail: 'The seal was made for another namespace.' };
  }
  if (config.serviceAccountName !== serviceAccountOf(pod)) {
    return { code: 'SEKS_INJECT_SEAL_STALE', detail: 'The seal was made for another ServiceAccount.' };
  }
  return undefined;
}

function sidecarFinding(pod: RawPod, config: InjectionConfig): Finding | undefined {
  const places = placedContainers(pod).filter(({ container }) => container.name === SIDECAR_CONTAINER);
  const [place] = places;
  if (place === undefined || places.length > 1 || place.list !== 'initContainers') {
    return different(`The pod must have exactly one init container named ${SIDECAR_CONTAINER}.`);
  }
  const expected = comparable(buildSidecar(config), config);
  const at = firstDifference(
    expected,
    comparable(place.container, config),
    `spec.initContainers[${place.index}]`,
  );
  return at === undefined ? undefined : different(`${at} is not as sealed.`);
}

function volumeFinding(pod: RawPod, config: InjectionConfig): Finding | undefined {
  for (const expected of buildVolumes(config)) {
    const { name } = expected;
    const volumes = (pod.spec.volumes ?? []).filter((volume) => volume.name === name);
    if (volumes.length !== 1) return different(`The pod must have exactly one volume ${name}.`);
    const at = firstDifference(expected, volumes[0], `spec.volumes (${name})`);
    if (at !== undefined) return different(`${at} is not as sealed.`);
  }
  return undefined;
}

/**
 * The sidecar without what others may change: cloud identity (above), `resources` and `resizePolicy` (LimitRange,
 * vertical autoscaler and in-place resize set them; they cannot leak a key), a stricter pull policy (AlwaysPullImages) and the
 * one `procMount` that older API servers write out.
 */
function comparable(container: RawContainer, config: InjectionConfig): Record<string, unknown> {
  const {
    resources,
    resizePolicy: _,
    imagePullPolicy,
    env,
    volumeMounts,
    securityContext,
    ...rest
  } = container;
  const { procMount, ...security } = securityContext ?? {};
  return {
    ...rest,
    claims: (resources as { claims?: unknown } | undefined)?.claims,
    imagePullPolicy: imagePullPolicy === 'Always' ? config.sidecar.imagePullPolicy : imagePullPolicy,
    env: env?.filter(({ name, valueFrom }) => !FOREIGN_ENV.has(name) || valueFrom !== undefined),
    volumeMounts: volumeMounts?.filter(
      ({ name, mountPath, readOnly }) => FOREIGN_MOUNTS.get(name) !== mountPath || readOnly !== true,
    ),
    securityContext: procMount === 'Default' ? security : { ...security, procMount },
  };
}

function different(detail: string): Finding {
  return { code: 'SEKS_INJECT_SIDECAR_EXISTS', detail };
}
