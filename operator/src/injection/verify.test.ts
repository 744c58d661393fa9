import { describe, expect, test } from '@jest/globals';
import { SIDECAR_CONTAINER } from '@seks/crds';

import { BREACHES, LATER_BREACHES } from './breaches.ts';
import {
  NAMESPACE,
  NOW_MS,
  SETTINGS,
  agentPod,
  binding,
  container,
  created,
  credential,
  injected,
  planRequest,
  testSigner,
} from './fixtures.ts';
import type { RawContainer, RawPod } from './raw-pod.ts';
import { buildSidecar } from './sidecar.ts';
import { makeSeal } from './seal.ts';
import { verifyInjection } from './verify.ts';
import type { Verification } from './verify.ts';

const SEAL = 'seks.ai/injection-seal';
const signer = testSigner();
const keys = signer.publicKeys();
const SEALED = injected(
  planRequest({ signer, pod: agentPod({ initContainers: [container('prepare')] }) }),
).pod;

const NO_RAW_SOCKETS = { capabilities: { drop: ['NET_RAW'] } };

function verify(pod: unknown, namespace = NAMESPACE): Verification {
  return verifyInjection({ pod, namespace, keys, apiAudiences: SETTINGS.apiAudiences });
}

function refusal(pod: unknown, namespace = NAMESPACE): string {
  const verification = verify(pod, namespace);
  if (verification.ok) return 'accepted';
  expect(verification.error.code).toBe('SEKS_LEASE_POD_NOT_SEALED');
  return verification.error.message;
}

/** the created pod with a change */
function changed(change: (pod: RawPod, sidecar: RawContainer) => void): RawPod {
  const pod = created(SEALED);
  const sidecar = pod.spec.initContainers?.find(({ name }) => name === SIDECAR_CONTAINER);
  if (sidecar === undefined) throw new Error('the fixture has no sidecar');
  change(pod, sidecar);
  return pod;
}

describe('verifyInjection', () => {
  test('accepts the pod as it is read back, and returns its config', () => {
    const verification = verify(created(SEALED));
    expect(verification).toMatchObject({
      ok: true,
      config: { namespace: NAMESPACE, bindings: [{ name: 'research' }] },
    });
  });

  test.each([-120, 0, 120])('accepts a pod that was created %i s after its seal', (seconds) => {
    expect(verify(created(SEALED, NOW_MS + seconds * 1000)).ok).toBe(true);
  });

  test.each([-121, 121, 86_400])('S11: refuses a seal that was replayed %i s later', (seconds) => {
    expect(refusal(created(SEALED, NOW_MS + seconds * 1000))).toContain('creationTimestamp');
  });

  test.each([null, undefined, 'yesterday'])('S7: refuses creationTimestamp %s', (creationTimestamp) => {
    const pod = changed(({ metadata }) => Object.assign(metadata ?? {}, { creationTimestamp }));
    expect(refusal(pod)).toContain('creationTimestamp');
  });

  test('S11: refuses another namespace, by the request or by the pod', () => {
    expect(refusal(created(SEALED), 'elsewhere')).toContain('another namespace');
    const moved = changed(({ metadata }) => Object.assign(metadata ?? {}, { namespace: 'elsewhere' }));
    expect(refusal(moved)).toContain('another namespace');
    expect(refusal(moved, 'elsewhere')).toContain('another namespace');
  });

  test('S11: refuses another ServiceAccount', () => {
    expect(refusal(changed(({ spec }) => Object.assign(spec, { serviceAccountName: 'admin' })))).toContain(
      'another ServiceAccount',
    );
    expect(refusal(changed(({ spec }) => delete spec.serviceAccountName))).toContain(
      'another ServiceAccount',
    );
  });

  test('S11: refuses a pod without seal, with one of another installation, or with an edited one', () => {
    expect(refusal(changed((pod) => delete pod.metadata?.annotations))).toContain(SEAL);
    const verification = verifyInjection({
      pod: created(SEALED),
      namespace: NAMESPACE,
      keys: testSigner().publicKeys(),
      apiAudiences: SETTINGS.apiAudiences,
    });
    expect(verification.ok).toBe(false);
    const edited = changed(({ metadata }) => {
      const annotations = metadata?.annotations ?? {};
      annotations[SEAL] = annotations[SEAL]?.replace('.', '.A') ?? '';
    });
    expect(refusal(edited)).toContain('signature');
  });

  test('S11: refuses a sidecar that fits to a config of its own, beside the seal of another', () => {
    const verification = verify(created(SEALED));
    if (!verification.ok) throw verification.error;
    const wider = { ...verification.config, keyService: { url: 'https://evil.example', caBundle: '' } };
    const pod = changed((_, sidecar) => Object.assign(sidecar, buildSidecar(wider)));
    expect(refusal(pod)).toContain('spec.initContainers[0].env[0].value');
    const self = changed(({ metadata }, sidecar) => {
      Object.assign(sidecar, buildSidecar(wider));
      Object.assign(metadata?.annotations ?? {}, { [SEAL]: makeSeal(wider, testSigner()) });
    });
    expect(refusal(self)).toContain('unknown key');
  });

  test.each([null, 'pod', {}, { spec: { containers: [{}] } }])('S7: refuses what is no pod: %j', (pod) => {
    expect(refusal(pod)).toContain('malformed');
  });
});

describe('verifyInjection: the sidecar', () => {
  const at = 'spec.initContainers[0]';
  test.each<[string, string, (sidecar: RawContainer, pod: RawPod) => unknown]>([
    ['another image', `${at}.image`, (c) => Object.assign(c, { image: 'evil' })],
    [
      'a pull policy that is weaker',
      `${at}.imagePullPolicy`,
      (c) => Object.assign(c, { imagePullPolicy: 'Never' }),
    ],
    ['a command', `${at}.command`, (c) => Object.assign(c, { command: ['sh'] })],
    ['arguments', `${at}.args`, (c) => Object.assign(c, { args: ['--inspect'] })],
    ['a working directory', `${at}.workingDir`, (c) => Object.assign(c, { workingDir: '/tmp' })],
    ['a life cycle hook', `${at}.lifecycle`, (c) => Object.assign(c, { lifecycle: { postStart: {} } })],
    ['a terminal', `${at}.stdin`, (c) => Object.assign(c, { stdin: true })],
    ['envFrom', `${at}.envFrom`, (c) => Object.assign(c, { envFrom: [{ configMapRef: { name: 'x' } }] })],
    ['a variable more', `${at}.env`, (c) => c.env?.push({ name: 'X', value: '1' })],
    ['a variable less', `${at}.env`, (c) => c.env?.pop()],
    ['a variable twice', `${at}.env`, (c) => c.env?.push({ name: 'SEKS_CONFIG', value: '{}' })],
    ['another value', `${at}.env[4].value`, (c) => Object.assign(c.env?.[4] ?? {}, { value: '--inspect' })],
    [
      'another source',
      `${at}.env[3].valueFrom`,
      (c) =>
        Object.assign(c.env?.[3] ?? {}, {
          valueFrom: { fieldRef: { apiVersion: 'v1', fieldPath: 'metadata.name' } },
        }),
    ],
    ['another order of variables', `${at}.env[0]`, (c) => c.env?.reverse()],
    [
      'an AWS variable that is not on the list',
      `${at}.env`,
      (c) => c.env?.push({ name: 'AWS_ENDPOINT_URL', value: 'x' }),
    ],
    ['an AWS variable from a Secret', `${at}.env`, (c) => c.env?.push({ name: 'AWS_REGION', valueFrom: {} })],
    [
      'the root user',
      `${at}.securityContext.runAsUser`,
      (c) => Object.assign(c.securityContext ?? {}, { runAsUser: 0 }),
    ],
    [
      'privileged',
      `${at}.securityContext.privileged`,
      (c) => Object.assign(c.securityContext ?? {}, { privileged: true }),
    ],
    [
      'a capability',
      `${at}.securityContext.capabilities.add`,
      (c) => Object.assign(c.securityContext?.capabilities ?? {}, { add: ['SYS_PTRACE'] }),
    ],
    [
      'a writable root',
      `${at}.securityContext.readOnlyRootFilesystem`,
      (c) => Object.assign(c.securityContext ?? {}, { readOnlyRootFilesystem: false }),
    ],
    [
      'no seccomp profile',
      `${at}.securityContext.seccompProfile`,
      (c) => delete c.securityContext?.['seccompProfile'],
    ],
    [
      'an AppArmor profile',
      `${at}.securityContext.appArmorProfile`,
      (c) => Object.assign(c.securityContext ?? {}, { appArmorProfile: { type: 'Unconfined' } }),
    ],
    [
      'an unmasked /proc',
      `${at}.securityContext.procMount`,
      (c) => Object.assign(c.securityContext ?? {}, { procMount: 'Unmasked' }),
    ],
    ['no security context', `${at}.securityContext`, (c) => delete c.securityContext],
    ['a mount more', `${at}.volumeMounts`, (c) => c.volumeMounts?.push({ name: 'x', mountPath: '/x' })],
    [
      'a writable mount',
      `${at}.volumeMounts[0].readOnly`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { readOnly: false }),
    ],
    [
      'a mount elsewhere',
      `${at}.volumeMounts[0].mountPath`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { mountPath: '/x' }),
    ],
    [
      'a subPath',
      `${at}.volumeMounts[0].subPath`,
      (c) => Object.assign(c.volumeMounts?.[0] ?? {}, { subPath: 'x' }),
    ],
    [
      'the name of a foreign mount at our path',
      `${at}.volumeMounts`,
      (c) => c.volumeMounts?.push({ name: 'aws-iam-token', mountPath: '/var/run/seks', readOnly: true }),
    ],
    [
      'a writable foreign mount',
      `${at}.volumeMounts`,
      (c) =>
        c.volumeMounts?.push({
          name: 'aws-iam-token',
          mountPath: '/var/run/secrets/eks.amazonaws.com/serviceaccount',
        }),
    ],
    [
      'a device',
      `${at}.volumeDevices`,
      (c) => Object.assign(c, { volumeDevices: [{ name: 'x', devicePath: '/x' }] }),
    ],
    ['a claim', `${at}.claims`, (c) => Object.assign(c, { resources: { claims: [{ name: 'gpu' }] } })],
    [
      'another probe',
      `${at}.startupProbe.httpGet`,
      (c) => Object.assign(c, { startupProbe: { exec: { command: ['cat'] } } }),
    ],
    ['no native sidecar', `${at}.restartPolicy`, (c) => delete c['restartPolicy']],
    [
      'another port',
      `${at}.ports[0]`,
      (c) => Object.assign(c, { ports: [{ containerPort: 1, hostPort: 1 }] }),
    ],
    [
      'another termination message',
      `${at}.terminationMessagePolicy`,
      (c) => Object.assign(c, { terminationMessagePolicy: 'FallbackToLogsOnError' }),
    ],
    [
      '__proto__ as a field',
      `${at}.__proto__`,
      (c) => Object.defineProperty(c, '__proto__', { value: 1, enumerable: true }),
    ],
    ['two sidecars', 'exactly one', (c, pod) => pod.spec.initContainers?.push(structuredClone(c))],
    [
      'the sidecar as an ordinary container',
      'exactly one',
      (c, pod) => {
        pod.spec.initContainers = [];
        pod.spec.containers.push(c);
      },
    ],
    ['no sidecar', 'exactly one', (_, pod) => pod.spec.initContainers?.shift()],
    [
      'a debugger with the name of the sidecar',
      'exactly one',
      (c, pod) => Object.assign(pod.spec, { ephemeralContainers: [c] }),
    ],
  ])('S11: refuses %s and names %s', (_, field, change) => {
    expect(refusal(changed((pod, sidecar) => void change(sidecar, pod)))).toContain(field);
  });

  test('accepts cloud identity of EKS and Azure, wherever it stands in the lists', () => {
    const pod = changed((_, { env, volumeMounts }) => {
      env?.unshift({ name: 'AWS_ROLE_ARN', value: 'arn' }, { name: 'AZURE_CLIENT_ID', value: 'x' });
      env?.push({ name: 'AWS_WEB_IDENTITY_TOKEN_FILE', value: '/x' });
      const mountPath = '/var/run/secrets/eks.amazonaws.com/serviceaccount';
      volumeMounts?.unshift({ name: 'aws-iam-token', mountPath, readOnly: true });
    });
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts what LimitRange, autoscalers and AlwaysPullImages change', () => {
    const resources = { limits: { cpu: '500m', memory: '256Mi' }, requests: {} };
    const resizePolicy = [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }];
    const pod = changed((_, c) => Object.assign(c, { resources, resizePolicy, imagePullPolicy: 'Always' }));
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts the procMount that older API servers write out', () => {
    const pod = changed((_, c) => Object.assign(c.securityContext ?? {}, { procMount: 'Default' }));
    expect(refusal(pod)).toBe('accepted');
  });

  test('accepts another position of the sidecar: another webhook may have put its own before', () => {
    const pod = changed(({ spec }) =>
      spec.initContainers?.unshift(
        container('istio-init', { volumeMounts: [], securityContext: NO_RAW_SOCKETS }),
      ),
    );
    expect(refusal(pod)).toBe('accepted');
  });
});

describe('verifyInjection: the private volume', () => {
  const at = 'spec.volumes (seks-private)';
  type Projection = { projected: { sources: Record<string, never>[]; defaultMode: number } };

  test.each<[string, string, (volume: Projection) => unknown]>([
    [
      'another type',
      `${at}.projected`,
      (v) => {
        Reflect.deleteProperty(v, 'projected');
        Object.assign(v, { emptyDir: {} });
      },
    ],
    [
      'a Secret more',
      `${at}.projected.sources`,
      (v) => v.projected.sources.push({ secret: { name: 'x' } as never }),
    ],
    [
      'another Secret',
      `${at}.projected.sources[0].secret.name`,
      (v) => Object.assign(v.projected.sources[0]?.['secret'] ?? {}, { name: 'x' }),
    ],
    [
      'every key of the Secret',
      `${at}.projected.sources[0].secret.items`,
      (v) => delete v.projected.sources[0]?.['secret']?.['items'],
    ],
    [
      'another audience',
      `${at}.projected.sources[1].serviceAccountToken.audience`,
      (v) => Object.assign(v.projected.sources[1]?.['serviceAccountToken'] ?? {}, { audience: 'x' }),
    ],
    ['another mode', `${at}.projected.defaultMode`, (v) => Object.assign(v.projected, { defaultMode: 511 })],
  ])('S3: refuses %s and names %s', (_, field, change) => {
    const pod = changed(({ spec }) => {
      change(spec.volumes?.find(({ name }) => name === 'seks-private') as unknown as Projection);
    });
    expect(refusal(pod)).toContain(field);
  });

  test('S3: refuses a pod without it', () => {
    expect(refusal(changed(({ spec }) => delete spec.volumes))).toContain('exactly one volume');
  });

  describe.each(['seks-private-run', 'seks-public'])('%s', (name) => {
    type Volume = Record<string, unknown>;
    test.each<[string, string, (volume: Volume) => unknown]>([
      [
        'on a disk',
        `spec.volumes (${name}).emptyDir.medium`,
        (v) => Object.assign(v, { emptyDir: { sizeLimit: name === 'seks-public' ? '4Mi' : '1Mi' } }),
      ],
      [
        'without a limit',
        `spec.volumes (${name}).emptyDir.sizeLimit`,
        (v) => Object.assign(v, { emptyDir: { medium: 'Memory' } }),
      ],
      [
        'that others can fill',
        `spec.volumes (${name})`,
        (v) => {
          delete v['emptyDir'];
          Object.assign(v, { persistentVolumeClaim: { claimName: 'shared' } });
        },
      ],
    ])('S1: is refused %s', (_, field, change) => {
      const pod = changed(({ spec }) => {
        change(spec.volumes?.find((volume) => volume.name === name) as Volume);
      });
      expect(refusal(pod)).toContain(field);
    });

    test('is refused where it is missing or there twice', () => {
      const without = changed(({ spec }) => {
        spec.volumes = (spec.volumes ?? []).filter((volume) => volume.name !== name);
      });
      expect(refusal(without)).toContain(`exactly one volume ${name}`);
      const twice = changed(({ spec }) => spec.volumes?.push({ name, emptyDir: {} }));
      expect(refusal(twice)).toContain(`exactly one volume ${name}`);
    });
  });
});

describe('verifyInjection: other containers', () => {
  test.each([...BREACHES, ...LATER_BREACHES])('S2: refuses $what', ({ change, names }) => {
    expect(refusal(changed((pod) => change(pod)))).toMatch(names);
  });

  test('S2: refuses an API token that somebody mounted again', () => {
    const pod = changed(({ spec }) => spec.volumes?.push(...(agentPod().spec.volumes ?? [])));
    expect(refusal(pod)).toContain('kube-api-access');
  });

  test('looks at the Secrets of every binding and source', () => {
    const sources = ['s1', 's2'].map((name) => ({ tier: 'builder' as const, secretRef: { name, key: 'k' } }));
    const bindings = [
      binding('b1'),
      binding('b2', { credentials: [credential({ sources, env: { key: ['K2'] } })] }),
    ];
    const { pod } = injected(planRequest({ signer, bindings }));
    for (const secretName of ['alice-keys', 's1', 's2']) {
      const exposed = created(pod);
      exposed.spec.volumes?.push({ name: 'x', secret: { secretName } });
      expect(refusal(exposed)).toContain(secretName);
    }
  });

  test('S16: a container that keeps raw sockets could record the tokens of the others', () => {
    const debug = container('debugger', { volumeMounts: [] });
    expect(refusal(changed(({ spec }) => Object.assign(spec, { ephemeralContainers: [debug] })))).toContain(
      'NET_RAW',
    );
  });

  test('an innocent debugger does not end the lease', () => {
    const debug = container('debugger', {
      volumeMounts: [],
      targetContainerName: 'planner',
      securityContext: NO_RAW_SOCKETS,
    });
    expect(refusal(changed(({ spec }) => Object.assign(spec, { ephemeralContainers: [debug] })))).toBe(
      'accepted',
    );
  });
});
