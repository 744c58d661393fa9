// For tests: every way in which a container could reach what is the sidecar's. The webhook must deny each of them, and
// the key service must refuse each of them in a pod that was changed after admission.
import type { ErrorCode } from '@seks/crds';

import { container } from './fixtures.ts';
import type { RawContainer, RawPod, RawVolumeMount } from './raw-pod.ts';

export interface Breach {
  what: string;
  code: ErrorCode;
  /** part of the message */
  names: string | RegExp;
  change: (pod: RawPod) => void;
}

type PodChange = (pod: RawPod) => void;

/** the Secret that the fixture's binding names */
const SECRET = 'alice-keys';

function addVolume(source: Record<string, unknown>): PodChange {
  return (pod) => {
    (pod.spec.volumes ??= []).push({ name: 'extra', ...source });
  };
}

function changeAgent(change: Partial<RawContainer>): PodChange {
  return (pod) => {
    const agent = pod.spec.containers[0];
    if (agent !== undefined) Object.assign(agent, change);
  };
}

function addInit(change: Partial<RawContainer>): PodChange {
  return (pod) => {
    (pod.spec.initContainers ??= []).push(container('prepare', { volumeMounts: [], ...change }));
  };
}

function addEphemeral(change: Partial<RawContainer>): PodChange {
  return (pod) => {
    (pod.spec.ephemeralContainers ??= []).push(container('debugger', { volumeMounts: [], ...change }));
  };
}

function setSpec(change: Record<string, unknown>): PodChange {
  return (pod) => void Object.assign(pod.spec, change);
}

const ISOLATION = 'SEKS_INJECT_ISOLATION' as const;
const SECRET_EXPOSED = 'SEKS_INJECT_SECRET_EXPOSED' as const;
const TOKEN_EXPOSED = 'SEKS_INJECT_TOKEN_EXPOSED' as const;

function isolation(what: string, names: string, change: PodChange): Breach {
  return { what, code: ISOLATION, names, change };
}

function secretExposed(what: string, names: string, change: PodChange): Breach {
  return { what, code: SECRET_EXPOSED, names, change };
}

function publicPart(field: 'subPath' | 'subPathExpr'): RawVolumeMount {
  return { name: 'seks-public', mountPath: '/var/run/seks/public', readOnly: true, [field]: 'x' };
}

function tokenVolume(serviceAccountToken: Record<string, unknown>): PodChange {
  return addVolume({ projected: { sources: [{ configMap: { name: 'x' } }, { serviceAccountToken }] } });
}

export const BREACHES: readonly Breach[] = [
  isolation('hostNetwork', 'spec.hostNetwork', setSpec({ hostNetwork: true })),
  isolation('hostPID', 'spec.hostPID', setSpec({ hostPID: true })),
  isolation('hostIPC', 'spec.hostIPC', setSpec({ hostIPC: true })),
  isolation('shareProcessNamespace', 'spec.shareProcessNamespace', setSpec({ shareProcessNamespace: true })),
  isolation('the sidecar UID for the pod', 'runAsUser', setSpec({ securityContext: { runAsUser: 64021 } })),
  isolation(
    'an unconfined AppArmor profile for the pod, which the sidecar would take over',
    'appArmorProfile',
    setSpec({ securityContext: { appArmorProfile: { type: 'Unconfined' } } }),
  ),
  isolation(
    'an unconfined SELinux type for the pod',
    'seLinuxOptions',
    setSpec({ securityContext: { seLinuxOptions: { type: 'spc_t' } } }),
  ),
  isolation(
    'an unconfined SELinux type for a container',
    '(planner)',
    changeAgent({ securityContext: { seLinuxOptions: { type: 'spc_t' } } }),
  ),
  {
    what: 'an AppArmor annotation for the sidecar',
    code: 'SEKS_INJECT_RESERVED_NAME',
    names: 'container.apparmor.security.beta.kubernetes.io/seks-proxy',
    change: (pod) => {
      const key = 'container.apparmor.security.beta.kubernetes.io/seks-proxy';
      (pod.metadata ??= {}).annotations = { ...pod.metadata.annotations, [key]: 'unconfined' };
    },
  },
  isolation(
    'a Windows host process pod',
    'hostProcess',
    setSpec({ securityContext: { windowsOptions: { hostProcess: true } } }),
  ),
  isolation('the sidecar UID', '(planner)', changeAgent({ securityContext: { runAsUser: 64021 } })),
  isolation(
    'the sidecar UID in an init container',
    '(prepare)',
    addInit({ securityContext: { runAsUser: 64021 } }),
  ),
  isolation('privileged', 'privileged', changeAgent({ securityContext: { privileged: true } })),
  isolation('an unmasked /proc', 'procMount', changeAgent({ securityContext: { procMount: 'Unmasked' } })),
  isolation(
    'a Windows host process',
    'hostProcess',
    changeAgent({ securityContext: { windowsOptions: { hostProcess: true } } }),
  ),
  ...[
    'SYS_PTRACE',
    'SYS_ADMIN',
    'NET_ADMIN',
    'NET_RAW',
    'BPF',
    'ALL',
    'CAP_SYS_PTRACE',
    'sys_ptrace',
    'NEW_ONE',
  ].map((name) =>
    isolation(
      `the capability ${name}`,
      name,
      changeAgent({ securityContext: { capabilities: { drop: ['ALL'], add: ['CHOWN', name] } } }),
    ),
  ),
  isolation('a hostPath volume', 'extra', addVolume({ hostPath: { path: '/var/lib/kubelet' } })),
  secretExposed('a Secret volume', 'alice-keys', addVolume({ secret: { secretName: SECRET } })),
  secretExposed(
    'a projected Secret',
    'alice-keys',
    addVolume({ projected: { sources: [{ configMap: { name: 'x' } }, { secret: { name: SECRET } }] } }),
  ),
  secretExposed(
    'a Secret handed to a CSI driver',
    'extra',
    addVolume({ csi: { driver: 'x', nodePublishSecretRef: { name: SECRET } } }),
  ),
  secretExposed(
    'a Secret of another volume source',
    'extra',
    addVolume({ azureFile: { secretName: SECRET } }),
  ),
  secretExposed(
    'a Secret in env',
    '(planner)',
    changeAgent({ env: [{ name: 'X', valueFrom: { secretKeyRef: { name: SECRET, key: 'openai' } } }] }),
  ),
  secretExposed(
    'a Secret in envFrom',
    '(planner)',
    changeAgent({ envFrom: [{ secretRef: { name: SECRET } }] }),
  ),
  secretExposed(
    'a Secret in an init container',
    '(prepare)',
    addInit({ envFrom: [{ prefix: 'A_', secretRef: { name: SECRET } }] }),
  ),
  secretExposed(
    'a variable from a file of the private volume',
    '(planner)',
    changeAgent({
      env: [
        {
          name: 'X',
          valueFrom: { fileKeyRef: { volumeName: 'seks-private', path: 'token/keyservice', key: 'k' } },
        },
      ],
    }),
  ),
  secretExposed(
    'the private volume as a device',
    '(planner)',
    changeAgent({ volumeDevices: [{ name: 'seks-private', devicePath: '/dev/x' }] }),
  ),
  {
    what: 'a token for the key service under another name',
    code: TOKEN_EXPOSED,
    names: 'seks-keyservice',
    change: tokenVolume({ audience: 'seks-keyservice', path: 't' }),
  },
  {
    what: 'a token for another audience of ours',
    code: TOKEN_EXPOSED,
    names: 'seks-audit',
    change: tokenVolume({ audience: 'seks-audit', path: 't' }),
  },
  { what: 'a hand-made API token', code: TOKEN_EXPOSED, names: 'extra', change: tokenVolume({ path: 't' }) },
  {
    what: 'an API token under the API server’s own name',
    code: TOKEN_EXPOSED,
    names: 'extra',
    change: tokenVolume({ audience: 'https://kubernetes.default.svc', path: 't' }),
  },
  isolation('a gitRepo volume', 'gitRepo', addVolume({ gitRepo: { repository: 'https://git.example/x' } })),
  {
    what: 'an API token with an empty audience',
    code: TOKEN_EXPOSED,
    names: 'extra',
    change: tokenVolume({ audience: '', path: 't' }),
  },
];

/** breaches that only a pod which runs already can have: mounts of what the injection added, and debuggers */
export const LATER_BREACHES: readonly Breach[] = [
  secretExposed(
    'the volume of the pod’s CA in the agent',
    '(planner)',
    changeAgent({ volumeMounts: [{ name: 'seks-private-run', mountPath: '/x', readOnly: true }] }),
  ),
  secretExposed(
    'the volume of the pod’s CA in a debugger',
    '(debugger)',
    addEphemeral({ volumeMounts: [{ name: 'seks-private-run', mountPath: '/x' }] }),
  ),
  secretExposed(
    'a writable mount of the certificates to trust',
    'read-only',
    changeAgent({ volumeMounts: [{ name: 'seks-public', mountPath: '/var/run/seks/public' }] }),
  ),
  secretExposed(
    'the certificates to trust at another path',
    '/var/run/seks/public',
    changeAgent({ volumeMounts: [{ name: 'seks-public', mountPath: '/etc/ssl', readOnly: true }] }),
  ),
  secretExposed(
    'a part of the certificates to trust',
    'whole',
    changeAgent({ volumeMounts: [publicPart('subPath')] }),
  ),
  secretExposed(
    'a part of the certificates to trust, by an expression',
    'whole',
    addInit({ volumeMounts: [publicPart('subPathExpr')] }),
  ),
  ...['seks-private-run', 'seks-public'].map((volumeName) =>
    secretExposed(
      `a variable from a file of ${volumeName}`,
      volumeName,
      changeAgent({
        env: [{ name: 'X', valueFrom: { fileKeyRef: { volumeName, path: 'x', key: 'k' } } }],
      }),
    ),
  ),
  secretExposed(
    'the private volume in the agent',
    '(planner)',
    changeAgent({ volumeMounts: [{ name: 'seks-private', mountPath: '/x', readOnly: true }] }),
  ),
  secretExposed(
    'the private volume in a debugger',
    '(debugger)',
    addEphemeral({ volumeMounts: [{ name: 'seks-private', mountPath: '/x' }] }),
  ),
  isolation(
    'a debugger in the process namespace of the sidecar',
    '(debugger)',
    addEphemeral({ targetContainerName: 'seks-proxy' }),
  ),
  isolation(
    'a debugger with SYS_PTRACE',
    '(debugger)',
    addEphemeral({ securityContext: { capabilities: { add: ['SYS_PTRACE'] } } }),
  ),
  isolation(
    'a debugger with the sidecar UID',
    '(debugger)',
    addEphemeral({ securityContext: { runAsUser: 64021 } }),
  ),
  secretExposed(
    'a debugger with the Secret',
    '(debugger)',
    addEphemeral({ envFrom: [{ secretRef: { name: SECRET } }] }),
  ),
  {
    what: 'automountServiceAccountToken true',
    code: TOKEN_EXPOSED,
    names: 'automountServiceAccountToken',
    change: setSpec({ automountServiceAccountToken: true }),
  },
  {
    what: 'automountServiceAccountToken absent',
    code: TOKEN_EXPOSED,
    names: 'automountServiceAccountToken',
    change: (pod) => void delete pod.spec.automountServiceAccountToken,
  },
];
