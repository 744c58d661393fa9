// The webhook behind a real API server: what it leaves alone, what it adds, and what happens to pods that come too early.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { applyPatch, type Operation } from 'rfc6902';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import type { KubeObject, LiveObject } from '../harness/kubectl.ts';
import {
  agentDeployment,
  agentPod,
  credential,
  IDLE,
  seksBinding,
  type PodObject,
} from '../harness/objects.ts';
import { SYSTEM_NAMESPACE, waitUntilReady } from '../harness/install.ts';
import { clusterSuite } from '../harness/suite.ts';
import { waitUntil } from '../cluster/wait-until.ts';

/** a pod as the API server gives it back */
interface StoredPod extends KubeObject {
  readonly spec: {
    readonly containers: readonly Readonly<Record<string, unknown>>[];
    readonly initContainers?: readonly { readonly name: string }[];
    readonly volumes?: readonly { readonly name: string }[];
    readonly [field: string]: unknown;
  };
}

const SEAL = 'seks.ai/injection-seal';

/** fields that our code does not know, at every level that it patches */
const exotic = {
  pod: {
    hostname: 'strange',
    schedulingGates: [{ name: 'example.com/wait' }],
    readinessGates: [{ conditionType: 'example.com/ready' }],
    topologySpreadConstraints: [
      { maxSkew: 1, topologyKey: 'zone', whenUnsatisfiable: 'ScheduleAnyway', labelSelector: {} },
    ],
    dnsConfig: { options: [{ name: 'ndots', value: '2' }] },
    securityContext: { fsGroupChangePolicy: 'OnRootMismatch', supplementalGroupsPolicy: 'Merge' },
    volumes: [{ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } }],
  },
  container: {
    resizePolicy: [{ resourceName: 'cpu', restartPolicy: 'NotRequired' }],
    volumeMounts: [{ name: 'scratch', mountPath: '/scratch', recursiveReadOnly: 'Disabled', readOnly: true }],
    env: [{ name: 'MINE', value: 'kept' }],
    lifecycle: { stopSignal: 'SIGUSR1' },
  },
};

clusterSuite('the webhook at a real API server', (suite) => {
  let optedIn: OwnNamespace;
  let plain: OwnNamespace;

  beforeAll(async () => {
    const { kubectl } = suite();
    optedIn = await ownNamespace(kubectl, 'webhook');
    plain = await ownNamespace(kubectl, 'webhook-plain', { optedIn: false });
    await kubectl.apply(binding('research', optedIn.name));
    await untilInjected();
  });
  afterAll(async () => {
    await optedIn.remove();
    await plain.remove();
  });

  function binding(name: string, namespace: string): object {
    return seksBinding({ name, namespace, app: name, credentials: [credential('openai', 'keys')] });
  }

  function pod(namespace: string, labels: Record<string, string>, more: object = {}): PodObject {
    return agentPod({
      name: 'sample',
      namespace,
      labels,
      image: suite().images.agent,
      command: IDLE,
      ...more,
    });
  }

  /** what the API server would store */
  async function admitted(object: object): Promise<StoredPod> {
    const text = await suite().kubectl.run(['create', '--dry-run=server', '-o', 'json', '-f', '-'], {
      input: JSON.stringify(object),
    });
    return JSON.parse(text) as StoredPod;
  }

  async function refusal(object: object): Promise<string> {
    const { code, stderr } = await suite().kubectl.attempt(['create', '--dry-run=server', '-f', '-'], {
      input: JSON.stringify(object),
    });
    expect(code).not.toBe(0);
    return stderr;
  }

  /** the operator's cache needs a moment to know the binding */
  async function untilInjected(): Promise<void> {
    await waitUntil(
      async () =>
        (await admitted(pod(optedIn.name, { app: 'research' }))).spec.initContainers?.[0]?.name ===
        'seks-proxy',
      { what: 'the binding to be known to the webhook', timeoutMs: 20_000 },
    );
  }

  /** without what differs between any two pods: namespace, uid, times, and the random part of a volume's name */
  function comparable(stored: StoredPod): string {
    const { creationTimestamp: _created, uid: _uid, namespace: _namespace, ...metadata } = stored.metadata;
    return JSON.stringify({ ...stored, metadata }).replaceAll(
      /kube-api-access-[a-z0-9]{5}/g,
      'kube-api-access-x',
    );
  }

  describe('what it leaves alone', () => {
    test.each([
      ['without labels', {}],
      ['that no binding selects', { app: 'another' }],
    ])('a pod %s, byte for byte, in an opted-in namespace', async (_what, labels) => {
      const here = await admitted(pod(optedIn.name, labels, exotic));
      const there = await admitted(pod(plain.name, labels, exotic));
      expect(comparable(here)).toBe(comparable(there));
    });

    test('a pod that a binding would select, in a namespace that is not opted in', async () => {
      await suite().kubectl.apply(binding('research', plain.name));
      const stored = await admitted(pod(plain.name, { app: 'research' }));
      expect(comparable(stored)).toBe(comparable(await admitted(pod(plain.name, { app: 'research' }))));
      expect(stored.spec.initContainers).toBeUndefined();
      expect(JSON.stringify(stored)).not.toContain('seks-');
    });
  });

  describe('what it adds', () => {
    test('the sidecar first, the fake token, and nothing of the API token (S2)', async () => {
      const { metadata, spec } = await admitted(pod(optedIn.name, { app: 'research' }, exotic));
      expect(metadata.labels).toMatchObject({ app: 'research', 'seks.ai/injected': 'true' });
      expect(spec.initContainers?.map(({ name }) => name)).toEqual(['seks-proxy']);
      expect(spec['automountServiceAccountToken']).toBe(false);
      expect(JSON.stringify(spec)).not.toContain('kube-api-access');
      const env = Object.fromEntries(
        (spec.containers[0]?.['env'] as { name: string; value: string }[]).map(({ name, value }) => [
          name,
          value,
        ]),
      );
      expect(env).toMatchObject({
        MINE: 'kept',
        OPENAI_BASE_URL: 'http://127.0.0.1:15080/openai/v1',
        OPENAI_API_KEY: expect.stringMatching(/^sk-proj-seks/),
      });
    });

    test('fields that it does not know survive', async () => {
      const injected = await admitted(pod(optedIn.name, { app: 'research' }, exotic));
      const untouched = await admitted(pod(plain.name, { app: 'other' }, exotic));
      for (const field of Object.keys(exotic.pod).filter((name) => name !== 'volumes')) {
        expect({ field, value: injected.spec[field] }).toEqual({ field, value: untouched.spec[field] });
      }
      for (const field of ['resizePolicy', 'lifecycle']) {
        const of = (stored: StoredPod): unknown => stored.spec.containers[0]?.[field];
        expect({ field, value: of(injected) }).toEqual({ field, value: of(untouched) });
      }
      expect(injected.spec.volumes).toContainEqual({ name: 'scratch', emptyDir: { sizeLimit: '1Mi' } });
      expect(injected.spec.containers[0]?.['volumeMounts']).toContainEqual(exotic.container.volumeMounts[0]);
    });

    test('two pods of one Deployment get different tokens (S4)', async () => {
      const token = async (): Promise<string> =>
        /sk-proj-seks\w+/.exec(JSON.stringify(await admitted(pod(optedIn.name, { app: 'research' }))))?.[0] ??
        '';
      expect(await token()).not.toBe(await token());
    });
  });

  describe('a second pass', () => {
    /** asks the running webhook itself, as the API server does */
    async function review(
      object: object,
    ): Promise<{ allowed: boolean; patch: Operation[]; message: string }> {
      const request = {
        uid: 'test',
        kind: { group: '', version: 'v1', kind: 'Pod' },
        resource: { group: '', version: 'v1', resource: 'pods' },
        name: 'sample',
        namespace: optedIn.name,
        operation: 'CREATE',
        userInfo: { username: 'test' },
        object,
        oldObject: null,
        dryRun: true,
      };
      const body = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', request };
      const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/services/https:seks-webhook:443/proxy/mutate`;
      const text = await suite().kubectl.run(['create', '--raw', path, '-f', '-'], {
        input: JSON.stringify(body),
      });
      const { response } = JSON.parse(text) as {
        response: { allowed: boolean; patch?: string; status?: { message?: string } };
      };
      const patch = Buffer.from(response.patch ?? '', 'base64').toString('utf8');
      return {
        allowed: response.allowed,
        patch: patch === '' ? [] : (JSON.parse(patch) as Operation[]),
        message: response.status?.message ?? '',
      };
    }

    test('changes nothing', async () => {
      const object = structuredClone(pod(optedIn.name, { app: 'research' }, exotic));
      const first = await review(object);
      expect(first.patch.length).toBeGreaterThan(0);
      expect(applyPatch(object, first.patch).filter((error) => error !== null)).toEqual([]);
      expect(await review(object)).toMatchObject({ allowed: true, patch: [] });
    });

    test('S11: refuses a pod that was changed in between', async () => {
      const object = structuredClone(pod(optedIn.name, { app: 'research' })) as PodObject & {
        spec: { initContainers: { image: string }[] };
      };
      applyPatch(object, (await review(object)).patch);
      const [sidecar] = object.spec.initContainers;
      if (sidecar === undefined) throw new Error('no sidecar');
      sidecar.image = 'registry.example/of-somebody-else';
      expect(await review(object)).toMatchObject({ allowed: false });
    });

    test('S11: a pod that carries only the mark of an injection is refused', async () => {
      const forged = pod(optedIn.name, { app: 'research' }, { annotations: { [SEAL]: 'forged' } });
      expect(await refusal(forged)).toMatch(/SEKS_INJECT_(SEAL_STALE|RESERVED_NAME)/);
    });
  });

  describe('a pod that asks for injection before its binding exists', () => {
    const early = { app: 'early', 'seks.ai/inject': 'true' };

    test('S14: is refused, also where the namespace is not opted in', async () => {
      expect(await refusal(pod(optedIn.name, early))).toContain('SEKS_INJECT_NO_BINDING');
      expect(await refusal(pod(plain.name, early))).toContain('SEKS_INJECT_NO_BINDING');
    });

    test('its Deployment says why, and recovers by itself once the binding exists', async () => {
      const { kubectl, images } = suite();
      const of = { kind: 'deployment', name: 'early', namespace: optedIn.name };
      await kubectl.apply(
        agentDeployment({
          name: 'early',
          namespace: optedIn.name,
          labels: early,
          image: images.agent,
          command: IDLE,
        }),
      );
      const failure = await kubectl.waitFor(of, 'to report the refusal', ({ status }: LiveObject) =>
        status?.conditions?.find(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True'),
      );
      expect(failure.message).toContain('SEKS_INJECT_NO_BINDING');
      await kubectl.apply(binding('early', optedIn.name));
      const appliedMs = Date.now();
      const [made] = await waitUntil(
        async () => {
          const pods = await kubectl.list<StoredPod>('pods', optedIn.name, 'app=early');
          return pods.length > 0 && pods;
        },
        { what: 'the ReplicaSet to try again', timeoutMs: 100_000 },
      );
      console.log(`the Deployment had its pod ${Date.now() - appliedMs} ms after the binding`);
      expect(made?.spec.initContainers?.[0]?.name).toBe('seks-proxy');
      await kubectl.delete('deployment', ['early'], optedIn.name);
    });
  });

  describe('while the operator is down', () => {
    beforeAll(async () => {
      const { kubectl } = suite();
      await kubectl.run(['scale', 'deployment/seks-operator', '-n', SYSTEM_NAMESPACE, '--replicas=0']);
      await kubectl.run([
        'wait',
        'pods',
        '-n',
        SYSTEM_NAMESPACE,
        '-l',
        'app.kubernetes.io/component=operator',
        '--for=delete',
        '--timeout=60s',
      ]);
    });
    afterAll(async () => {
      await suite().kubectl.run([
        'scale',
        'deployment/seks-operator',
        '-n',
        SYSTEM_NAMESPACE,
        '--replicas=1',
      ]);
      await waitUntilReady(suite().access);
    });

    test('S7: opted-in namespaces get no pods', async () => {
      expect(await refusal(pod(optedIn.name, { app: 'research' }))).toContain('inject.seks.ai');
      expect(await refusal(pod(optedIn.name, {}))).toContain('inject.seks.ai');
    });

    test('other namespaces are as ever', async () => {
      expect((await admitted(pod(plain.name, {}))).metadata.name).toBe('sample');
    });

    test('S14: not even there does a pod that asks for injection start bare', async () => {
      expect(await refusal(pod(plain.name, { 'seks.ai/inject': 'true' }))).toContain(
        'SEKS_INJECT_NO_BINDING',
      );
    });
  });
});
