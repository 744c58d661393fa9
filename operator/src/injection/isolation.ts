// What would let another container, or the node, reach into the sidecar: a shared namespace, the sidecar's own user id,
// the host's files, or a capability that crosses such borders.
import { SIDECAR_CONTAINER, SIDECAR_UID } from '@seks/crds';

import type { Finding } from './finding.ts';
import { placeOf } from './finding.ts';
import { placedContainers } from './raw-pod.ts';
import type { PlacedContainer, RawContainer, RawPod } from './raw-pod.ts';

const SHARED_NAMESPACES = ['hostNetwork', 'hostPID', 'hostIPC', 'shareProcessNamespace'] as const;

/**
 * Capabilities that the Pod Security Standard "baseline" lets a container add. A list of what is allowed, because a list
 * of what is dangerous would miss the next one: SYS_PTRACE, SYS_ADMIN and BPF read memory, NET_ADMIN and NET_RAW
 * redirect and record what the sidecar sends.
 */
const HARMLESS_CAPABILITIES: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** SELinux types of the Pod Security Standard "baseline"; others, such as spc_t, lift the container's confinement */
const CONFINED_SELINUX_TYPES: ReadonlySet<string> = new Set([
  '',
  'container_t',
  'container_init_t',
  'container_kvm_t',
  'container_engine_t',
]);

/**
 * Raw sockets record loopback, and with it the tokens of the pod's other containers. Container runtimes grant them unless
 * they are dropped; the patch sees to that.
 */
export const RAW_SOCKETS = 'NET_RAW';

/** whether the container gave up raw sockets, by name or with everything else */
export function dropsRawSockets({ securityContext }: RawContainer): boolean {
  const dropped = securityContext?.capabilities?.drop ?? [];
  return dropped.some((name) => name.toUpperCase() === 'ALL' || withoutPrefix(name) === RAW_SOCKETS);
}

/** the first field that breaks the sidecar's isolation, in the pod or in any container but the sidecar */
export function isolationFinding(pod: RawPod): Finding | undefined {
  const { spec } = pod;
  for (const field of SHARED_NAMESPACES) {
    if (spec[field] === true) return finding(`spec.${field} must not be true.`);
  }
  if (spec.securityContext?.runAsUser === SIDECAR_UID) {
    return finding(`spec.securityContext.runAsUser must not be ${SIDECAR_UID}, the sidecar's.`);
  }
  // The sidecar states no profile of its own, because nodes without AppArmor refuse one: it takes the pod's.
  if (spec.securityContext?.appArmorProfile?.type === 'Unconfined') {
    return finding('spec.securityContext.appArmorProfile.type must not be Unconfined.');
  }
  if (isUnconfined(spec.securityContext?.seLinuxOptions)) {
    return finding('spec.securityContext.seLinuxOptions.type must be one of the confined container types.');
  }
  if (spec.securityContext?.windowsOptions?.hostProcess === true) {
    return finding('spec.securityContext.windowsOptions.hostProcess must not be true.');
  }
  const hostPath = spec.volumes?.find((volume) => volume.hostPath !== undefined);
  if (hostPath !== undefined) return finding(`The volume ${hostPath.name} must not be a hostPath.`);
  // The kubelet clones such a volume as root, where it still does.
  const gitRepo = spec.volumes?.find((volume) => volume.gitRepo !== undefined);
  if (gitRepo !== undefined) return finding(`The volume ${gitRepo.name} must not be a gitRepo.`);
  return placedContainers(pod)
    .filter(({ container }) => container.name !== SIDECAR_CONTAINER)
    .map(containerFinding)
    .find((found) => found !== undefined);
}

function containerFinding(place: PlacedContainer): Finding | undefined {
  const { container } = place;
  const security = container.securityContext;
  const at = placeOf(place);
  if (container.targetContainerName === SIDECAR_CONTAINER) {
    return finding(`${at}: targetContainerName must not be ${SIDECAR_CONTAINER}.`);
  }
  if (security?.runAsUser === SIDECAR_UID) {
    return finding(`${at}: securityContext.runAsUser must not be ${SIDECAR_UID}, the sidecar's.`);
  }
  if (security?.privileged === true) return finding(`${at}: securityContext.privileged must not be true.`);
  if (security?.procMount !== undefined && security.procMount !== 'Default') {
    return finding(`${at}: securityContext.procMount must be Default.`);
  }
  if (security?.windowsOptions?.hostProcess === true) {
    return finding(`${at}: securityContext.windowsOptions.hostProcess must not be true.`);
  }
  if (isUnconfined(security?.seLinuxOptions)) {
    return finding(`${at}: securityContext.seLinuxOptions.type must be one of the confined container types.`);
  }
  const capability = security?.capabilities?.add?.find(
    (name) => !HARMLESS_CAPABILITIES.has(withoutPrefix(name)),
  );
  if (capability !== undefined) {
    return finding(`${at}: securityContext.capabilities.add must not hold ${capability}.`);
  }
  if (dropsRawSockets(container)) return undefined;
  return finding(`${at}: securityContext.capabilities.drop must hold ${RAW_SOCKETS} or ALL.`);
}

function withoutPrefix(capability: string): string {
  return capability.toUpperCase().replace(/^CAP_/, '');
}

function isUnconfined(options: { type?: string | undefined } | undefined): boolean {
  return !CONFINED_SELINUX_TYPES.has(options?.type ?? '');
}

function finding(detail: string): Finding {
  return { code: 'SEKS_INJECT_ISOLATION', detail };
}
