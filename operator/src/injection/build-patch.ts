// The patch of one injection. Only additions at known places, insertions into lists, and removals of what we name: a
// replaced list would undo what another webhook did.
import { ANNOTATION_SEAL, LABEL_INJECTED, SIDECAR_CONTAINER } from '@seks/crds';
import type { InjectionConfig } from '@seks/crds';

import type { EnvChange } from './env-change.ts';
import { isApiAccessVolume } from './exposure.ts';
import { ALIAS_ADDRESS, PORT_SYSCTL, portSysctlsOf } from './interception.ts';
import { dropsRawSockets, RAW_SOCKETS } from './isolation.ts';
import { pointer } from './json-patch.ts';
import type { JsonPatch } from './json-patch.ts';
import { placedContainers } from './raw-pod.ts';
import type { PlacedContainer, RawPod } from './raw-pod.ts';
import { PUBLIC_MOUNT, buildSidecar, buildVolumes, servedContainers } from './sidecar.ts';

export interface PatchInput {
  pod: RawPod;
  config: InjectionConfig;
  seal: string;
  env: readonly { place: PlacedContainer; change: EnvChange }[];
}

/** operations in an order in which every index is still right; the sidecar is inserted last, because it shifts them */
export function buildPatch({ pod, config, seal, env }: PatchInput): JsonPatch {
  return [
    ...removeApiToken(pod),
    ...env.flatMap(({ place, change }) => changeEnv(place, change)),
    ...mountCertificates(pod, config),
    ...aliasHosts(pod, config),
    ...dropRawSockets(pod),
    ...append(pod.spec.volumes, ['spec', 'volumes'], buildVolumes(config)),
    ...prepend(pod.spec.initContainers, ['spec', 'initContainers'], [buildSidecar(config)]),
    ...addMember(pod, 'labels', LABEL_INJECTED, 'true'),
    ...addMember(pod, 'annotations', ANNOTATION_SEAL, seal),
  ];
}

/**
 * The ServiceAccount plugin has run before us, and runs again after us. The flag alone would leave its volume and
 * mounts, the removal alone would bring them back.
 */
function removeApiToken(pod: RawPod): JsonPatch {
  const volumes = pod.spec.volumes ?? [];
  const names = new Set(volumes.filter(isApiAccessVolume).map(({ name }) => name));
  const mounts = placedContainers(pod).flatMap(({ list, index, container }) =>
    indicesOf(container.volumeMounts ?? [], names).map((mount) =>
      pointer('spec', list, index, 'volumeMounts', mount),
    ),
  );
  const paths = [...mounts, ...indicesOf(volumes, names).map((index) => pointer('spec', 'volumes', index))];
  return [
    ...paths.map((path) => ({ op: 'remove' as const, path })),
    { op: 'add', path: pointer('spec', 'automountServiceAccountToken'), value: false },
  ];
}

/** makes every container but the sidecar give up raw sockets; nothing to do where they all have */
export function dropRawSockets(pod: RawPod): JsonPatch {
  return placedContainers(pod)
    .filter(({ container }) => container.name !== SIDECAR_CONTAINER && !dropsRawSockets(container))
    .flatMap(({ list, index, container }): JsonPatch => {
      const path = ['spec', list, index, 'securityContext'] as const;
      const { securityContext } = container;
      const drop = [RAW_SOCKETS];
      if (securityContext === undefined) {
        return [{ op: 'add', path: pointer(...path), value: { capabilities: { drop } } }];
      }
      if (securityContext.capabilities === undefined) {
        return [{ op: 'add', path: pointer(...path, 'capabilities'), value: { drop } }];
      }
      return append(securityContext.capabilities.drop, [...path, 'capabilities', 'drop'], drop);
    });
}

/** hands the certificates to trust to every container that gets a credential */
function mountCertificates(pod: RawPod, config: InjectionConfig): JsonPatch {
  const served = servedContainers(config);
  return placedContainers(pod)
    .filter(({ container }) => served.has(container.name))
    .flatMap(({ list, index, container }) =>
      append(container.volumeMounts, ['spec', list, index, 'volumeMounts'], [PUBLIC_MOUNT]),
    );
}

/** points the hosts to the sidecar, and lets it listen on their port */
function aliasHosts(pod: RawPod, { interception: { aliases } }: InjectionConfig): JsonPatch {
  if (aliases.length === 0) return [];
  const { hostAliases, securityContext } = pod.spec;
  // The list is merged by address (`listMapKey: ip`), so an address must not stand in it twice.
  const at = (hostAliases ?? []).findIndex(({ ip }) => ip === ALIAS_ADDRESS);
  const own = hostAliases?.[at]?.hostnames;
  const lacking = aliases.filter((host) => !(own ?? []).some((name) => name.toLowerCase() === host));
  const hosts =
    at < 0
      ? append(hostAliases, ['spec', 'hostAliases'], [{ ip: ALIAS_ADDRESS, hostnames: lacking }])
      : append(own, ['spec', 'hostAliases', at, 'hostnames'], lacking);
  if (portSysctlsOf(pod).length > 0) return hosts;
  const path = ['spec', 'securityContext'] as const;
  if (securityContext === undefined) {
    return [...hosts, { op: 'add', path: pointer(...path), value: { sysctls: [PORT_SYSCTL] } }];
  }
  return [...hosts, ...append(securityContext.sysctls, [...path, 'sysctls'], [PORT_SYSCTL])];
}

function changeEnv({ list, index, container }: PlacedContainer, change: EnvChange): JsonPatch {
  const path = ['spec', list, index, 'env'] as const;
  return [
    ...change.replace.map((entry) => ({
      // `add` on an existing member replaces it, and is right where an empty value was left out.
      op: 'add' as const,
      path: pointer(...path, entry.index, 'value'),
      value: entry.value,
    })),
    ...change.remove.map((at) => ({ op: 'remove' as const, path: pointer(...path, at) })),
    ...prepend(container.env, path, change.insert),
  ];
}

function prepend(
  list: readonly unknown[] | undefined,
  path: readonly (string | number)[],
  items: readonly unknown[],
): JsonPatch {
  if (items.length === 0) return [];
  if (list === undefined) return [{ op: 'add', path: pointer(...path), value: items }];
  return items.map((value, at) => ({ op: 'add', path: pointer(...path, at), value }));
}

function append(
  list: readonly unknown[] | undefined,
  path: readonly (string | number)[],
  items: readonly unknown[],
): JsonPatch {
  if (list === undefined) return [{ op: 'add', path: pointer(...path), value: items }];
  return items.map((value) => ({ op: 'add', path: pointer(...path, '-'), value }));
}

function addMember(pod: RawPod, map: 'labels' | 'annotations', key: string, value: string): JsonPatch {
  if (pod.metadata === undefined) {
    throw new RangeError('a pod at admission has metadata');
  }
  if (pod.metadata[map] === undefined) {
    return [{ op: 'add', path: pointer('metadata', map), value: { [key]: value } }];
  }
  return [{ op: 'add', path: pointer('metadata', map, key), value }];
}

/** highest first, so that a removal does not shift those that follow */
function indicesOf(items: readonly { name: string }[], names: ReadonlySet<string>): number[] {
  return items.flatMap(({ name }, index) => (names.has(name) ? [index] : [])).reverse();
}
