// The chart's admission policies, on a real API server. They are installed under other names and for one namespace only, so that
// neither an installed chart nor another test is touched.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { PUBLIC_MOUNT } from '../../operator/src/injection/sidecar.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import type { KubernetesObject } from './kubernetes.ts';
import { kubectl, mustKubectl, renderChart, temporaryNamespace } from './kubernetes.ts';
import type { Pod } from './sample-pods.ts';
import {
  injectedPod,
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

/** what a policy also refuses here, so that it can be seen to work */
const CANARIES: Record<string, string> = {
  'seks-injected-pods': "object.metadata.?labels[?'seks-it-canary'].orValue('') != 'seks-injected-pods'",
  'seks-token-volumes': "object.metadata.?labels[?'seks-it-canary'].orValue('') != 'seks-token-volumes'",
  'seks-token-requests': "!('canary' in object.spec.?audiences.orValue([]))",
};

let namespace: Awaited<ReturnType<typeof temporaryNamespace>>;
let image: string;
const installed: KubernetesObject[] = [];

beforeAll(async () => {
  namespace = await temporaryNamespace();
  image = (await imageOfInstalledPolicy()) ?? 'registry.example/seks-sidecar:1';
  const rendered = await renderChart(namespace.name, [`sidecar.additionalAllowedImages[0]=${image}`]);
  installed.push(...rendered.flatMap((object) => forTest(object)));
  await mustKubectl(['create', '-f', '-'], list(installed));
  await untilPoliciesWork();
}, 120_000);

afterAll(async () => {
  await mustKubectl(['delete', '--ignore-not-found', '-f', '-'], list(installed));
  await namespace.remove();
}, 60_000);

test('every policy type-checks without a warning', async () => {
  const policies = installed.filter(({ kind }) => kind === 'ValidatingAdmissionPolicy');
  expect(policies).toHaveLength(6);
  for (const { metadata } of policies) {
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
    expect(await create(sample())).toEqual(ACCEPTED);
  });

  test('a pod that has nothing to do with SEKS is accepted, privileged or not', async () => {
    const pod = plainPod();
    pod.spec.containers[0]['securityContext'] = { privileged: true };
    pod.spec['hostNetwork'] = true;
    pod.spec.volumes.push({ name: 'host', hostPath: { path: '/' } });
    expect(await create(pod)).toEqual(ACCEPTED);
  });

  test('an injected pod keeps what is harmless', async () => {
    const pod = sample();
    setAgentSecurity(pod, { runAsUser: 0, capabilities: { add: ['NET_BIND_SERVICE', 'chown'] } });
    pod.spec.containers[0]['envFrom'] = [{ secretRef: { name: 'other-secret' } }];
    pod.spec.volumes.push(
      { name: 'own-token', projected: { sources: [tokenSource('vault')] } },
      { name: 'other', secret: { secretName: 'other-secret' } },
    );
    pod.spec.initContainers.push(setupContainer());
    expect(await create(pod)).toEqual(ACCEPTED);
  });

  test('an injected pod may have what intercept mode HostAlias adds, and containers without certificates', async () => {
    const pod = sample();
    pod.spec['hostAliases'] = [{ ip: '127.0.0.1', hostnames: ['api.openai.com'] }];
    pod.spec['securityContext'] = {
      sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }],
    };
    pod.spec.containers[0]['volumeMounts'] = [];
    pod.spec.initContainers.push(setupContainer({ volumeMounts: [PUBLIC_MOUNT] }));
    expect(await create(pod)).toEqual(ACCEPTED);
  });

  test.each(['ALL', 'all', 'NET_RAW', 'CAP_NET_RAW', 'net_raw'])(
    'a container that drops %s has given up raw sockets',
    async (capability) => {
      const pod = sample();
      setAgentSecurity(pod, { capabilities: { drop: ['CHOWN', capability] } });
      expect(await create(pod)).toEqual(ACCEPTED);
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
        pod.spec.containers.push({ name: 'seks-proxy', image });
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
    const pod = sample();
    change(pod);
    const answer = await create(pod);
    expect(answer.accepted).toBe(false);
    expect(answer.message).toMatch(message);
  });
});

describe('pods that exist', () => {
  const injected = 'injected';
  const plain = 'plain';

  beforeAll(async () => {
    for (const pod of [
      { ...sample(), name: injected },
      { ...plainPod(), name: plain },
    ]) {
      const { name, ...object } = pod;
      // A gate keeps the scheduler away: these pods are never to run.
      const spec = { ...object.spec, schedulingGates: [{ name: 'seks.ai/test' }] };
      const metadata = { ...object.metadata, name, namespace: namespace.name };
      await mustKubectl(['create', '-f', '-'], { ...object, metadata, spec });
    }
  }, 60_000);

  async function change(pod: string, patch: object): Promise<Answer> {
    return answerOf(
      await inNamespace('patch', 'pod', pod, '--type=strategic', '--patch', JSON.stringify(patch), DRY_RUN),
    );
  }

  test('S11: labels and the seal cannot be changed, removed or added', async () => {
    for (const [pod, patch] of [
      [injected, { metadata: { labels: { 'seks.ai/injected': 'maybe' } } }],
      [injected, { metadata: { labels: { 'seks.ai/injected': null } } }],
      [injected, { metadata: { labels: { 'seks.ai/inject': 'true' } } }],
      [injected, { metadata: { annotations: { 'seks.ai/injection-seal': 'other' } } }],
      [injected, { metadata: { annotations: { 'seks.ai/injection-seal': null } } }],
      [plain, { metadata: { labels: { 'seks.ai/injected': 'true' } } }],
      [plain, { metadata: { annotations: { 'seks.ai/injection-seal': 'forged' } } }],
    ] as const) {
      expect([patch, await change(pod, patch)]).toEqual([
        patch,
        { accepted: false, message: expect.stringContaining('SEKS_INJECT_RESERVED_NAME') },
      ]);
    }
  });

  test("the sidecar's image cannot be changed, the agent's can", async () => {
    const images = { initContainers: [{ name: 'seks-proxy', image: 'registry.example/evil:1' }] };
    expect((await change(injected, { spec: images })).message).toContain(
      'the image of seks-proxy cannot change',
    );
    const agent = { containers: [{ name: 'agent', image: 'registry.example/agent:2' }] };
    expect(await change(injected, { spec: agent })).toEqual(ACCEPTED);
  });

  test('other labels and annotations can be changed', async () => {
    const metadata = { labels: { team: 'blue' }, annotations: { note: 'x' } };
    expect(await change(injected, { metadata })).toEqual(ACCEPTED);
    expect(await change(plain, { metadata })).toEqual(ACCEPTED);
  });

  test('an injected pod gets no ephemeral container, another pod does', async () => {
    const debug = async (pod: string): Promise<Answer> =>
      answerOf(await inNamespace('debug', pod, '--image=registry.example/debug:1', '--attach=false'));
    expect((await debug(injected)).message).toContain('gets no ephemeral containers');
    expect(await debug(plain)).toEqual(ACCEPTED);
  });

  test('exec and attach reach every container but the sidecar', async () => {
    const exec = async (...args: string[]): Promise<string> => (await inNamespace(...args)).stderr;
    expect(await exec('exec', injected, '-c', 'seks-proxy', '--', 'node')).toContain(
      'exec and attach to seks-proxy are refused',
    );
    expect(await exec('attach', injected, '-c', 'seks-proxy')).toContain(
      'exec and attach to seks-proxy are refused',
    );
    // The pod has no node, which is found out only after admission.
    expect(await exec('exec', injected, '-c', 'agent', '--', 'node')).toContain(
      'does not have a host assigned',
    );
    const path = `/api/v1/namespaces/${namespace.name}/pods/${injected}/exec?command=node&stdout=true`;
    const withoutName = await kubectl(['create', '--raw', path, '-f', '-'], {});
    expect(withoutName.stderr).not.toContain('seks-proxy');
    expect(withoutName.stderr).toMatch(/host assigned|Upgrade request required/);
  });
});

describe('S3: tokens with an audience of SEKS', () => {
  const request = (audience: string, ...as: string[]) =>
    inNamespace('create', 'token', 'default', `--audience=${audience}`, ...as);

  test('are refused to a cluster administrator', async () => {
    for (const audience of ['seks-keyservice', 'seks-audit', 'seks-']) {
      expect((await request(audience)).stderr).toContain('only kubelets may request tokens');
    }
  });

  test('are refused when another audience stands before them', async () => {
    const path = `/api/v1/namespaces/${namespace.name}/serviceaccounts/default/token`;
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      spec: { audiences: ['vault', 'seks-keyservice'] },
    };
    expect((await kubectl(['create', '--raw', path, '-f', '-'], body)).stderr).toContain(
      'only kubelets may request tokens',
    );
  });

  test('are given to kubelets', async () => {
    const answer = await request(
      'seks-keyservice',
      '--as=tester',
      '--as-group=system:nodes',
      '--as-group=system:masters',
    );
    expect(answer).toMatchObject({ code: 0 });
    expect(answer.stdout.split('.')).toHaveLength(3);
  });

  test('do not stand in the way of other audiences', async () => {
    expect(await request('vault')).toMatchObject({ code: 0 });
  });
});

describe("SEKS's own ServiceAccounts", () => {
  const asAccount = (name: string): string[] => [
    `--as=system:serviceaccount:${namespace.name}:${name}`,
    '--as-group=system:masters',
  ];
  const createSecret = async (account: string, secret: string, type = 'Opaque'): Promise<Answer> =>
    answerOf(
      await kubectl(['-n', namespace.name, 'create', DRY_RUN, '-f', '-', ...asAccount(account)], {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: secret, annotations: { 'kubernetes.io/service-account.name': 'default' } },
        type,
      }),
    );

  test.each([
    ['seks-operator', 'seks-ca'],
    ['seks-operator', 'seks-injection-signer'],
    ['seks-keyservice', 'seks-ca'],
    ['seks-keyservice', 'seks-kms-local'],
    ['seks-keyservice', 'seks-lease-signer'],
  ])('%s may create Secret %s', async (account, secret) => {
    expect(await createSecret(account, secret)).toEqual(ACCEPTED);
  });

  test.each([
    ['seks-operator', 'seks-kms-local', 'Opaque'],
    ['seks-operator', 'backdoor', 'Opaque'],
    ['seks-keyservice', 'seks-injection-signer', 'Opaque'],
    ['seks-keyservice', 'seks-ca', 'kubernetes.io/service-account-token'],
  ])('%s may not create Secret %s of type %s', async (account, secret, type) => {
    expect((await createSecret(account, secret, type)).message).toContain('SEKS may not write Secrets');
  });
});

interface Answer {
  accepted: boolean;
  message: string;
}
const ACCEPTED: Answer = { accepted: true, message: '' };
const DRY_RUN = '--dry-run=server';

function answerOf(result: { code: number; stderr: string }): Answer {
  return result.code === 0 ? ACCEPTED : { accepted: false, message: result.stderr };
}

function inNamespace(...args: string[]): ReturnType<typeof kubectl> {
  return kubectl(['-n', namespace.name, ...args]);
}

function sample(): Pod {
  return injectedPod(namespace.name, image);
}

async function create(pod: Pod): Promise<Answer> {
  return answerOf(await kubectl(['-n', namespace.name, 'create', DRY_RUN, '-f', '-'], pod));
}

function testName(name: string): string {
  return `${namespace.name}-${name}`;
}

function list(items: KubernetesObject[]): object {
  return { apiVersion: 'v1', kind: 'List', items };
}

/** an installed chart refuses other images than its own, also in our namespace: then the sample pods take that */
async function imageOfInstalledPolicy(): Promise<string | undefined> {
  const { stdout } = await kubectl(['get', 'validatingadmissionpolicy', 'seks-injected-pods', '-o', 'yaml']);
  return /\.image in \["([^"]+)"/.exec(stdout)?.[1];
}

/** the policy under a name of its own and with a canary, or its binding for our namespace only */
function forTest(object: KubernetesObject): KubernetesObject[] {
  const { name } = object.metadata;
  const metadata = { name: testName(name) };
  if (object.kind === 'ValidatingAdmissionPolicy') {
    const spec = object['spec'] as { validations: object[] };
    const canary = CANARIES[name];
    const validations = canary === undefined ? [] : [{ expression: canary, message: `${name} works` }];
    return [{ ...object, metadata, spec: { ...spec, validations: [...spec.validations, ...validations] } }];
  }
  if (object.kind === 'ValidatingAdmissionPolicyBinding') {
    const spec = object['spec'] as { policyName: string };
    const namespaceSelector = { matchLabels: { 'kubernetes.io/metadata.name': namespace.name } };
    const matchResources = { namespaceSelector };
    return [
      { ...object, metadata, spec: { ...spec, policyName: testName(spec.policyName), matchResources } },
    ];
  }
  return [];
}

/**
 * The API server takes a moment to load a new policy. Policies of an installed chart would refuse what ours refuse, so each of
 * ours also refuses something that is in order.
 */
async function untilPoliciesWork(): Promise<void> {
  for (const policy of ['seks-injected-pods', 'seks-token-volumes']) {
    const pod = sample();
    pod.metadata.labels['seks-it-canary'] = policy;
    await waitUntil(async () => (await create(pod)).message.includes(`${policy} works`), {
      what: `policy ${policy}`,
      timeoutMs: 60_000,
      intervalMs: 500,
    });
  }
  await waitUntil(
    async () => {
      const answer = await inNamespace('create', 'token', 'default', '--audience=canary');
      return answer.stderr.includes('seks-token-requests works');
    },
    { what: 'policy seks-token-requests', timeoutMs: 60_000, intervalMs: 500 },
  );
}
