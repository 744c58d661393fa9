// Names that only an injection may bring into a pod. A pod that has one already is refused, whether a binding selects
// it or not: what carries our marks without our seal is a mistake or an attempt (S11).
import { posix } from 'node:path';

import {
  ANNOTATION_SEAL,
  LABEL_INJECTED,
  PUBLIC_MOUNT_PATH,
  SIDECAR_CONTAINER,
  VOLUME_PRIVATE,
  VOLUME_PUBLIC,
  VOLUME_RUN,
} from '@seks/crds';

import type { Finding } from './finding.ts';
import { placeOf } from './finding.ts';
import { placedContainers } from './raw-pod.ts';
import type { RawPod } from './raw-pod.ts';

const RESERVED_VOLUMES: ReadonlySet<string> = new Set([VOLUME_PRIVATE, VOLUME_RUN, VOLUME_PUBLIC]);

/** folder of all our mounts, also by the name that images give it through the link /var/run → /run */
const RESERVED_FOLDERS = [
  posix.dirname(PUBLIC_MOUNT_PATH),
  posix.dirname(PUBLIC_MOUNT_PATH).replace('/var', ''),
];

/** the API server copies this annotation into the sidecar's `appArmorProfile` after admission */
const APPARMOR_ANNOTATION = `container.apparmor.security.beta.kubernetes.io/${SIDECAR_CONTAINER}`;

/** the first reserved name in a pod that was not injected yet */
export function reservedNameFinding(pod: RawPod): Finding | undefined {
  if (pod.metadata?.labels?.[LABEL_INJECTED] !== undefined) return reserved(`the label ${LABEL_INJECTED}`);
  if (pod.metadata?.annotations?.[ANNOTATION_SEAL] !== undefined) {
    return reserved(`the annotation ${ANNOTATION_SEAL}`);
  }
  const profile = sidecarProfileFinding(pod);
  if (profile !== undefined) return profile;
  const volume = pod.spec.volumes?.find(({ name }) => RESERVED_VOLUMES.has(name));
  if (volume !== undefined) return reserved(`the volume ${volume.name}`);
  // A mount without its volume is invalid, until our patch adds the volume.
  for (const place of placedContainers(pod)) {
    const mount = place.container.volumeMounts?.find(({ name }) => RESERVED_VOLUMES.has(name));
    if (mount !== undefined) return reserved(`the mount of ${mount.name} in ${placeOf(place)}`);
  }
  return undefined;
}

/** the first mount of the pod's author where ours will be; one of the two would hide the other */
export function reservedPathFinding(pod: RawPod): Finding | undefined {
  for (const place of placedContainers(pod)) {
    const mount = place.container.volumeMounts?.find(({ mountPath }) => isReserved(mountPath));
    if (mount !== undefined) {
      return reserved(
        `the mount of ${mount.name} at ${mount.mountPath} in ${placeOf(place)}; mount it elsewhere`,
      );
    }
  }
  return undefined;
}

function isReserved(mountPath: string): boolean {
  const path = posix.join('/', mountPath, '/');
  return RESERVED_FOLDERS.some((folder) => path.startsWith(`${folder}/`));
}

/** an annotation that would change the sidecar's own confinement; a later webhook may have added it, too */
export function sidecarProfileFinding(pod: RawPod): Finding | undefined {
  if (pod.metadata?.annotations?.[APPARMOR_ANNOTATION] === undefined) return undefined;
  return reserved(`the annotation ${APPARMOR_ANNOTATION}`);
}

function reserved(what: string): Finding {
  return { code: 'SEKS_INJECT_RESERVED_NAME', detail: `Found ${what}.` };
}
