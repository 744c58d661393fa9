// The chart's admission policies on a real API server: which pods they let be created.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { PUBLIC_MOUNT } from '../../operator/src/injection/sidecar.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import { mustKubectl } from './kubernetes.ts';
import { ACCEPTED, installPolicies, type OwnPolicies } from './own-policies.ts';
import type { Pod } from './sample-pods.ts';
import {
  mount,
  plainPod,
  SEKS_TOKEN,
  setAgentSecurity,
  setSidecarSecurity,
  setupContainer,
  sidecarOf,
  tokenSource,
  withoutToken,
} from './sample-pods.ts';

let policies: OwnPolicies;

beforeAll(async () => {
  policies = await installPolicies();
}, 120_000);

afterAll(async () => {
  await policies.remove();
}, 60_000);

test('every policy type-checks without a warning', async () => {
  const own = policies.installed.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  expect(own).toHaveLength(6);
  for (const { metadata } of own) {
    const status = await waitUntil(
      async () => {
        const text = await mustKubectl(['get', 'validatingadmissionpolicy', metadata.name, '-o', 'json']);
        const { status } = JSON.parse(text) as {
          status?: { typeChecking?: { expressionWarnings?: unknown[] } };
        };
        return status?.typeChecking === undefined ? undefined : status;
      },
      { what: `the type check of ${metadata.name}`, timeoutMs: 60_000 },
    );
    expect([metadata.name, status.typeChecking]).toEqual([metadata.name, {}]);
  }
});

describe('pods at creation', () => {
  test('a pod as the webhook makes it is accepted', async () => {
    expect(await policies.create(policies.sample())).toEqual(ACCEPTED);
  });

  test('a pod that has nothing to do with SEKS is accepted, privileged or not', async () => {
    const pod = plainPod();
    pod.spec.containers[0]['securityContext'] = { privileged: true };
    pod.spec['hostNetwork'] = true;
    pod.spec.volumes.push({ name: 'host', hostPath: { path: '/' } });
    expect(await policies.create(pod)).toEqual(ACCEPTED);
  });

  test('an injected pod keeps what is harmless', async () => {
    const pod = policies.sample();
    setAgentSecurity(pod, { runAsUser: 0, capabilities: { add: ['NET_BIND_SERVICE', 'chown'] } });
    pod.spec.containers[0]['envFrom'] = [{ secretRef: { name: 'other-secret' } }];
    pod.spec.volumes.push(
      { name: 'own-token', projected: { sources: [tokenSource('vault')] } },
      { name: 'other', secret: { secretName: 'other-secret' } },
    );
    pod.spec.initContainers.push(setupContainer());
    expect(await policies.create(pod)).toEqual(ACCEPTED);
  });

  test('an injected pod may have what intercept mode HostAlias adds, and containers without certificates', async () => {
    const pod = policies.sample();
    pod.spec['hostAliases'] = [{ ip: '127.0.0.1', hostnames: ['api.openai.com'] }];
    pod.spec['securityContext'] = {
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    };
    pod.spec.containers[0]['volumeMounts'] = [];
    pod.spec.initContainers.push(setupContainer({ volumeMounts: [PUBLIC_MOUNT] }));
    expect(await policies.create(pod)).toEqual(ACCEPTED);
  });

  test.each(['ALL', 'all', 'NET_RAW', 'CAP_NET_RAW', 'net_raw'])(
    'a container that drops %s has given up raw sockets',
    async (capability) => {
      const pod = policies.sample();
      setAgentSecurity(pod, { capabilities: { drop: ['CHOWN', capability] } });
      expect(await policies.create(pod)).toEqual(ACCEPTED);
    },
  );

  const refused: [string, RegExp, (pod: Pod) => void][] = [
    [
      'S14: label seks.ai/inject without sidecar',
      /SEKS_INJECT_NO_BINDING/,
      (pod) => {
        Object.assign(pod.spec, plainPod().spec);
        pod.metadata = { ...plainPod().metadata, labels: { 'seks.ai/inject': 'true' } };
      },
    ],
    [
      'S11: only the label of injected pods',
      /SEKS_INJECT_NO_BINDING/,
      (pod) => {
        Object.assign(pod.spec, plainPod().spec);
        pod.metadata.annotations = {};
      },
    ],
    [
      'S11: only the seal',
      /SEKS_INJECT_NO_BINDING/,
      (pod) => {
        Object.assign(pod.spec, plainPod().spec);
        pod.metadata.labels = {};
      },
    ],
    [
      'S3: the private volume without the sidecar, and without any mark',
      /SEKS_INJECT_NO_BINDING/,
      (pod) => {
        withoutToken(pod);
        Object.assign(pod, { metadata: plainPod().metadata });
        pod.spec.initContainers = [];
      },
    ],
    [
      'the sidecar after another init container',
      /first init container/,
      (pod) => {
        withoutToken(pod);
        pod.spec.initContainers.unshift(setupContainer({ name: 'first' }));
      },
    ],
    [
      'S11: a regular container named seks-proxy',
      /SEKS_INJECT_NO_BINDING/,
      (pod) => {
        withoutToken(pod);
        pod.spec.initContainers = [];
        pod.spec.containers.push({ name: 'seks-proxy', image: policies.image });
      },
    ],
    [
      'another image for the sidecar',
      /image registry\.example\/evil:1 is not allowed/,
      (pod) => (sidecarOf(pod)['image'] = 'registry.example/evil:1'),
    ],
    [
      'a sidecar that runs once',
      /must restart always/,
      (pod) => {
        delete sidecarOf(pod)['restartPolicy'];
        delete sidecarOf(pod)['startupProbe'];
        delete sidecarOf(pod)['livenessProbe'];
      },
    ],
    ['a sidecar as another user', /run as UID 64021/, (pod) => setSidecarSecurity(pod, { runAsUser: 1000 })],
    [
      'a sidecar with a writable root file system',
      /read-only root/,
      (pod) => setSidecarSecurity(pod, { readOnlyRootFilesystem: false }),
    ],
    [
      'a sidecar with a capability',
      /no privileges/,
      (pod) => setSidecarSecurity(pod, { capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } }),
    ],
    [
      'S2: automountServiceAccountToken',
      /automountServiceAccountToken must be false/,
      (pod) => delete pod.spec['automountServiceAccountToken'],
    ],
    [
      'S2: a token for the API server under another name',
      /token for the Kubernetes API is refused.*volume api/,
      (pod) =>
        void pod.spec.volumes.push({
          name: 'api',
          projected: { sources: [{ serviceAccountToken: { path: 'token' } }] },
        }),
    ],
    [
      'a shared process namespace',
      /shareProcessNamespace/,
      (pod) => (pod.spec['shareProcessNamespace'] = true),
    ],
    ['the host PID namespace', /hostPID/, (pod) => (pod.spec['hostPID'] = true)],
    ['the host IPC namespace', /hostIPC/, (pod) => (pod.spec['hostIPC'] = true)],
    ['the host network', /hostNetwork/, (pod) => (pod.spec['hostNetwork'] = true)],
    [
      'S2: the private volume in another container',
      /only seks-proxy may use a volume seks-private.*agent/,
      (pod) => {
        withoutToken(pod);
        mount(pod, 'seks-private');
      },
    ],
    [
      'S2: a second private volume in another container',
      /only seks-proxy may use a volume seks-private.*agent/,
      (pod) => {
        mount(pod, 'seks-private-run');
      },
    ],
    ...[
      ['writable', {}],
      ['writable, spelled out', { readOnly: false }],
      ['at another path', { readOnly: true, mountPath: '/etc/ssl' }],
      ['in part', { readOnly: true, subPath: 'ca.pem' }],
      ['in part, by an expression', { readOnly: true, subPathExpr: '$(NAME)' }],
    ].map(([how, change]): [string, RegExp, (pod: Pod) => void] => [
      `S2: the certificates to trust, mounted ${how as string}`,
      /only be mounted read-only and whole at \/var\/run\/seks\/public: agent/,
      (pod) => {
        const { readOnly: _, ...writable } = PUBLIC_MOUNT;
        pod.spec.containers[0]['env'] = [{ name: 'NAME', value: 'x' }];
        pod.spec.containers[0]['volumeMounts'] = [{ ...writable, ...(change as object) }];
      },
    ]),
    ...['seks-private-run', 'seks-public'].flatMap((name) =>
      [
        ['on a disk', { emptyDir: {} }],
        ['in huge pages', { emptyDir: { medium: 'HugePages' } }],
        ['of another pod', { persistentVolumeClaim: { claimName: 'shared' } }],
        ['from a ConfigMap', { configMap: { name: 'mine' } }],
      ].map(([how, source]): [string, RegExp, (pod: Pod) => void] => [
        `S1: the volume ${name} ${how as string}`,
        new RegExp(`must be as the webhook adds them: ${name}`),
        (pod) => {
          const others = pod.spec.volumes.filter((volume) => volume.name !== name);
          pod.spec.volumes = [...others, { name, ...(source as object) }];
        },
      ]),
    ),
    [
      'S3: sealed keys from another kind of volume',
      /must be as the webhook adds them: seks-private\./,
      (pod) => {
        const others = pod.spec.volumes.filter(({ name }) => name !== 'seks-private');
        pod.spec.volumes = [...others, { name: 'seks-private', emptyDir: {} }];
      },
    ],
    [
      'another volume with a name of ours',
      /must be as the webhook adds them: seks-private-x/,
      (pod) => void pod.spec.volumes.push({ name: 'seks-private-x', emptyDir: { medium: 'Memory' } }),
    ],
    [
      'S16: raw sockets, by saying nothing',
      /must drop the capability NET_RAW or ALL: agent/,
      (pod) => delete pod.spec.containers[0]['securityContext'],
    ],
    [
      'S16: raw sockets, by dropping others',
      /must drop the capability NET_RAW or ALL: agent/,
      (pod) => setAgentSecurity(pod, { capabilities: { drop: ['CHOWN', 'NET_ADMIN'] } }),
    ],
    [
      'S16: raw sockets in an init container',
      /must drop the capability NET_RAW or ALL: setup/,
      (pod) => void pod.spec.initContainers.push(setupContainer({ securityContext: {} })),
    ],
    [
      "the sidecar's user in another container",
      /UID 64021 is for seks-proxy alone.*agent/,
      (pod) => setAgentSecurity(pod, { runAsUser: 64021 }),
    ],
    [
      "the sidecar's user for the whole pod",
      /UID 64021 is for seks-proxy alone.*agent/,
      (pod) => (pod.spec['securityContext'] = { runAsUser: 64021 }),
    ],
    [
      'a privileged container',
      /privileged, procMount and capabilities.*agent/,
      (pod) => setAgentSecurity(pod, { privileged: true }),
    ],
    ...['SYS_PTRACE', 'SYS_ADMIN', 'NET_ADMIN', 'NET_RAW', 'BPF', 'cap_sys_ptrace', 'ALL', 'TOMORROWS'].map(
      (capability): [string, RegExp, (pod: Pod) => void] => [
        `capability ${capability}`,
        /privileged, procMount and capabilities.*agent/,
        (pod) => setAgentSecurity(pod, { capabilities: { add: [capability] } }),
      ],
    ),
    [
      'a privileged init container',
      /privileged, procMount and capabilities.*setup/,
      (pod) =>
        void pod.spec.initContainers.push(
          setupContainer({ securityContext: { privileged: true, capabilities: { drop: ['ALL'] } } }),
        ),
    ],
    [
      'unmasked /proc',
      /privileged, procMount and capabilities.*agent/,
      (pod) => {
        pod.spec['hostUsers'] = false;
        setAgentSecurity(pod, { procMount: 'Unmasked' });
      },
    ],
    [
      'hostPath',
      /hostPath is refused.*logs/,
      (pod) => void pod.spec.volumes.push({ name: 'logs', hostPath: { path: '/var/log' } }),
    ],
    [
      'S2: a Secret of the binding as a volume',
      /also in volume mine/,
      (pod) => void pod.spec.volumes.push({ name: 'mine', secret: { secretName: 'alice-keys' } }),
    ],
    [
      'S2: a Secret of the binding in a projected volume',
      /also in volume mine/,
      (pod) =>
        void pod.spec.volumes.push({
          name: 'mine',
          projected: { sources: [{ configMap: { name: 'x' } }, { secret: { name: 'alice-keys' } }] },
        }),
    ],
    [
      'S2: a Secret of the binding for a CSI driver',
      /also in volume mine/,
      (pod) =>
        void pod.spec.volumes.push({
          name: 'mine',
          csi: { driver: 'example.com', nodePublishSecretRef: { name: 'alice-keys' } },
        }),
    ],
    [
      'S2: a Secret of the binding in env',
      /also in the environment of agent/,
      (pod) =>
        (pod.spec.containers[0]['env'] = [
          { name: 'BLOB', valueFrom: { secretKeyRef: { name: 'alice-keys', key: 'openai' } } },
        ]),
    ],
    [
      'S2: a Secret of the binding in envFrom of an init container',
      /also in the environment of setup/,
      (pod) =>
        void pod.spec.initContainers.push(
          setupContainer({ envFrom: [{ secretRef: { name: 'alice-keys' } }] }),
        ),
    ],
    [
      'S2: a token of SEKS in another container',
      /only seks-proxy may mount a token.*agent/,
      (pod) => {
        pod.spec.volumes.push(SEKS_TOKEN);
        mount(pod, 'innocent');
      },
    ],
    [
      'S3: a token of SEKS in a pod without the sidecar, mounted or not',
      /only a pod with the injected sidecar may have a token.*innocent/,
      (pod) => {
        Object.assign(pod, plainPod());
        pod.spec.volumes.push(SEKS_TOKEN);
      },
    ],
  ];

  test.each(refused)('refused: %s', async (_, message, change) => {
    const pod = policies.sample();
    change(pod);
    const answer = await policies.create(pod);
    expect(answer.accepted).toBe(false);
    expect(answer.message).toMatch(message);
  });
});
