// Invariant S2: what only the sidecar may see. A token of SEKS, an API token, a Secret of the binding or the private
// volume in any other container, under whatever name, is a finding.
import { AUDIENCE_PREFIX, SIDECAR_CONTAINER, VOLUME_PRIVATE } from '@seks/crds';

import type { Finding } from './finding.ts';
import { placeOf } from './finding.ts';
import { placedContainers } from './raw-pod.ts';
import type { PlacedContainer, RawPod, RawVolume } from './raw-pod.ts';

/** the first breach of S2 in an injected pod, given the Secrets that its bindings name */
export function exposureFinding(
  pod: RawPod,
  { secrets, apiAudiences }: { secrets: ReadonlySet<string>; apiAudiences: readonly string[] },
): Finding | undefined {
  return (
    tokenAudienceFinding(pod) ??
    apiTokenFinding(pod, new Set(['', ...apiAudiences])) ??
    firstFinding(otherVolumes(pod), (volume) => volumeSecretFinding(volume, secrets)) ??
    firstFinding(otherContainers(pod), (place) => privateVolumeFinding(place)) ??
    firstFinding(otherContainers(pod), (place) => containerSecretFinding(place, secrets))
  );
}

/** a token with an audience of SEKS in a volume that is not the sidecar's; refused in every pod, injected or not */
export function tokenAudienceFinding(pod: RawPod): Finding | undefined {
  return firstFinding(otherVolumes(pod), (volume) => {
    const audience = audiencesOf(volume).find((name) => name.startsWith(AUDIENCE_PREFIX));
    if (audience === undefined) return undefined;
    return {
      code: 'SEKS_INJECT_TOKEN_EXPOSED',
      detail: `The volume ${volume.name} holds a token with the audience ${audience}.`,
    };
  });
}

/** whether the ServiceAccount admission plugin put this volume there: it will be removed, not refused */
export function isApiAccessVolume(volume: RawVolume): boolean {
  return volume.name.startsWith('kube-api-access-') && audiencesOf(volume).includes('');
}

/** volumes that reach another container than the sidecar, or could */
function otherVolumes(pod: RawPod): RawVolume[] {
  return (pod.spec.volumes ?? []).filter(({ name }) => name !== VOLUME_PRIVATE);
}

function otherContainers(pod: RawPod): PlacedContainer[] {
  return placedContainers(pod).filter(({ container }) => container.name !== SIDECAR_CONTAINER);
}

function apiTokenFinding(pod: RawPod, apiAudiences: ReadonlySet<string>): Finding | undefined {
  // Unset means true, unless the ServiceAccount says otherwise, which is not visible here.
  if (pod.spec.automountServiceAccountToken !== false) {
    return {
      code: 'SEKS_INJECT_TOKEN_EXPOSED',
      detail: 'spec.automountServiceAccountToken must be false.',
    };
  }
  const volume = otherVolumes(pod).find((candidate) =>
    audiencesOf(candidate).some((audience) => apiAudiences.has(audience)),
  );
  if (volume === undefined) return undefined;
  return {
    code: 'SEKS_INJECT_TOKEN_EXPOSED',
    detail: `The volume ${volume.name} holds a token for the Kubernetes API; name another audience.`,
  };
}

/** audiences of the tokens that a volume projects; the API server's own is the empty string */
function audiencesOf(volume: RawVolume): string[] {
  return (volume.projected?.sources ?? []).flatMap(({ serviceAccountToken }) =>
    serviceAccountToken === undefined ? [] : [serviceAccountToken.audience ?? ''],
  );
}

function volumeSecretFinding(volume: RawVolume, secrets: ReadonlySet<string>): Finding | undefined {
  const secret = referencedSecret(volume, secrets);
  if (secret === undefined) return undefined;
  return {
    code: 'SEKS_INJECT_SECRET_EXPOSED',
    detail: `The volume ${volume.name} takes from the Secret ${secret}, which only the sidecar may read.`,
  };
}

function containerSecretFinding(place: PlacedContainer, secrets: ReadonlySet<string>): Finding | undefined {
  const secret = referencedSecret(place.container, secrets);
  if (secret === undefined) return undefined;
  return {
    code: 'SEKS_INJECT_SECRET_EXPOSED',
    detail: `${placeOf(place)} takes from the Secret ${secret}, which only the sidecar may read.`,
  };
}

function privateVolumeFinding(place: PlacedContainer): Finding | undefined {
  const mounts = [...(place.container.volumeMounts ?? []), ...namedList(place.container['volumeDevices'])];
  const mounted =
    mounts.some(({ name }) => name === VOLUME_PRIVATE) || refersToPrivateVolume(place.container);
  if (!mounted) return undefined;
  return {
    code: 'SEKS_INJECT_SECRET_EXPOSED',
    detail: `${placeOf(place)} uses the volume ${VOLUME_PRIVATE}, which only the sidecar may mount.`,
  };
}

/** `env[].valueFrom.fileKeyRef.volumeName` reads a variable from a file of a volume without mounting it */
function refersToPrivateVolume(value: unknown): boolean {
  return members(value).some(
    ([key, member]) => (key === 'volumeName' && member === VOLUME_PRIVATE) || refersToPrivateVolume(member),
  );
}

/**
 * The first of the Secrets that something inside `value` names. Kubernetes spells references in a dozen ways
 * (`secretName`, `secretRef.name`, `secretKeyRef.name`, `nodePublishSecretRef.name`, …) and adds to them, so this looks
 * at every member whose name has "secret" in it.
 */
function referencedSecret(value: unknown, secrets: ReadonlySet<string>): string | undefined {
  for (const [key, member] of members(value)) {
    const found =
      (/secret/i.test(key) ? namedSecret(member, secrets) : undefined) ?? referencedSecret(member, secrets);
    if (found !== undefined) return found;
  }
  return undefined;
}

function namedSecret(reference: unknown, secrets: ReadonlySet<string>): string | undefined {
  const names = [reference, ...members(reference).map(([, member]) => member)];
  return names.find((name) => typeof name === 'string' && secrets.has(name)) as string | undefined;
}

function members(value: unknown): [string, unknown][] {
  return typeof value === 'object' && value !== null ? Object.entries(value) : [];
}

function namedList(value: unknown): { name: unknown }[] {
  return Array.isArray(value)
    ? value.map((entry) => ({ name: (entry as { name?: unknown } | null)?.name }))
    : [];
}

function firstFinding<T>(items: readonly T[], check: (item: T) => Finding | undefined): Finding | undefined {
  for (const item of items) {
    const found = check(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
