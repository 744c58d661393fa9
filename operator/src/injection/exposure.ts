// Invariant S2: what only the sidecar may see. A token of SEKS, an API token, a Secret of the binding or a private volume
// in any other container, under whatever name, is a finding; so is a writable mount of the certificates to trust.
import { AUDIENCE_PREFIX, SIDECAR_CONTAINER, VOLUME_PRIVATE, VOLUME_PUBLIC, VOLUME_RUN } from '@seks/crds';

import type { Finding } from './finding.ts';
import { placeOf } from './finding.ts';
import { placedContainers } from './raw-pod.ts';
import type { PlacedContainer, RawPod, RawVolume, RawVolumeMount } from './raw-pod.ts';
import { PUBLIC_MOUNT } from './sidecar.ts';

const PRIVATE_VOLUMES: readonly string[] = [VOLUME_PRIVATE, VOLUME_RUN];

/** the first breach of S2 in an injected pod, given the Secrets that its bindings name */
export function exposureFinding(
  pod: RawPod,
  { secrets, apiAudiences }: { secrets: ReadonlySet<string>; apiAudiences: readonly string[] },
): Finding | undefined {
  return (
    tokenAudienceFinding(pod) ??
    apiTokenFinding(pod, new Set(['', ...apiAudiences])) ??
    firstFinding(otherVolumes(pod), (volume) => volumeSecretFinding(volume, secrets)) ??
    firstFinding(otherContainers(pod), privateVolumeFinding) ??
    firstFinding(otherContainers(pod), publicMountFinding) ??
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
  const { volumeMounts = [], ...rest } = place.container;
  const mounts = [...volumeMounts, ...namedList(rest['volumeDevices'])].map(({ name }) => name);
  const used =
    PRIVATE_VOLUMES.find((name) => mounts.includes(name)) ??
    [...PRIVATE_VOLUMES, VOLUME_PUBLIC].find((name) => refersToVolume(place.container, name));
  if (used === undefined) return undefined;
  return {
    code: 'SEKS_INJECT_SECRET_EXPOSED',
    detail: `${placeOf(place)} uses the volume ${used}, which only the sidecar may mount.`,
  };
}

/** whoever can write there decides which certificates the other containers trust */
function publicMountFinding(place: PlacedContainer): Finding | undefined {
  const { volumeMounts = [] } = place.container;
  if (volumeMounts.every((mount) => mount.name !== VOLUME_PUBLIC || isPublicMount(mount))) return undefined;
  return {
    code: 'SEKS_INJECT_SECRET_EXPOSED',
    detail: `${placeOf(place)} must mount ${VOLUME_PUBLIC} read-only and whole at ${PUBLIC_MOUNT.mountPath}.`,
  };
}

function isPublicMount({ mountPath, readOnly, subPath = '', subPathExpr = '' }: RawVolumeMount): boolean {
  return readOnly === true && mountPath === PUBLIC_MOUNT.mountPath && subPath === '' && subPathExpr === '';
}

/** `env[].valueFrom.fileKeyRef.volumeName` reads a variable from a file of a volume without mounting it */
function refersToVolume(value: unknown, name: string): boolean {
  return members(value).some(
    ([key, member]) => (key === 'volumeName' && member === name) || refersToVolume(member, name),
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
