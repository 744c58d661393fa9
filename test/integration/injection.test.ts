// The webhook behind a real API server, with its plugins, defaults and policies: what is stored in the end, and what
// kubectl says where nothing is. What a pod's author may set stands in injection-author.test.ts.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import { isReady, type Kubectl, type Pod } from '../harness/kubectl.ts';
import { metricSum } from '../harness/metrics.ts';
import { agentDeployment, IDLE } from '../harness/objects.ts';
import { clusterSuite } from '../harness/suite.ts';
import { authoredPod, bindingFor, IMAGE, refusalOf, type PodChange } from './authored-pod.ts';
import { installLateWebhook, type LateWebhook } from './late-webhook/install.ts';
import {
  applyBinding,
  makeNamespace,
  OPTED_IN,
  removeNamespaces,
  type StoredBinding,
} from './own-namespace.ts';
import {
  apiTokenVolumes,
  configOf,
  createPod,
  INJECTED_VOLUMES,
  manifestOf,
  OPENAI_NAMES,
  sidecarOf,
  specWithoutApiToken,
  specWithoutInjection,
  tryCreate,
  type StoredPod,
} from './stored-pod.ts';

/** how old a seal may be at admission, and a little more */
const SEAL_STALE_MS = 75_000;

clusterSuite('injection on a real API server', (suite) => {
  let kubectl: Kubectl;
  let namespace: string;
  let plain: string;
  let firstInjected: StoredPod;

  beforeAll(async () => {
    ({ kubectl } = suite());
    [namespace, plain] = await Promise.all([
      makeNamespace(kubectl, 'injection', OPTED_IN),
      makeNamespace(kubectl, 'plain'),
    ]);
    await applyBinding(kubectl, bindingFor('research', namespace));
    firstInjected = await createPod(kubectl, pod('first', { app: 'research' }));
  }, 120_000);
  afterAll(() => removeNamespaces(kubectl, namespace, plain));

  function pod(name: string, labels: Readonly<Record<string, string>>, change: PodChange = {}): object {
    return authoredPod({ name, namespace, labels, ...change });
  }

  describe('what is stored', () => {
    const unusual = {
      container: {
        env: [
          { name: 'MODEL', value: 'gpt-5-mini' },
          { name: 'NODE', valueFrom: { fieldRef: { fieldPath: 'spec.nodeName' } } },
        ],
        resizePolicy: [{ resourceName: 'memory', restartPolicy: 'RestartContainer' }],
        resources: { claims: [{ name: 'gpu', request: 'one' }], requests: { cpu: '10m' } },
        lifecycle: { preStop: { sleep: { seconds: 3 } } },
        livenessProbe: { grpc: { port: 9000 }, terminationGracePeriodSeconds: 9 },
        volumeMounts: [{ name: 'scratch', mountPath: '/scratch', recursiveReadOnly: 'Disabled' }],
        volumeDevices: [{ name: 'disk', devicePath: '/dev/xvda' }],
      },
      spec: {
        terminationGracePeriodSeconds: 5,
        schedulingGates: [{ name: 'seks.test/never' }, { name: 'example.com/quota' }],
        topologySpreadConstraints: [
          {
            maxSkew: 2,
            minDomains: 2,
            topologyKey: 'topology.kubernetes.io/zone',
            whenUnsatisfiable: 'DoNotSchedule',
            labelSelector: { matchLabels: { tier: 'agents' } },
            matchLabelKeys: ['version'],
            nodeTaintsPolicy: 'Honor',
          },
        ],
        resourceClaims: [{ name: 'gpu', resourceClaimTemplateName: 'one-gpu' }],
        readinessGates: [{ conditionType: 'example.com/warm' }],
        initContainers: [
          { name: 'log', image: IMAGE, restartPolicy: 'Always' },
          { name: 'migrate', image: IMAGE, securityContext: { seLinuxOptions: { level: 's0:c1' } } },
        ],
        hostname: 'agent-0',
        subdomain: 'agents',
        setHostnameAsFQDN: true,
        hostAliases: [{ ip: '127.0.0.9', hostnames: ['alias.example'] }],
        dnsConfig: { options: [{ name: 'ndots', value: '1' }] },
        securityContext: { fsGroupChangePolicy: 'OnRootMismatch', supplementalGroupsPolicy: 'Strict' },
        os: { name: 'linux' },
        volumes: [
          {
            name: 'scratch',
            ephemeral: {
              volumeClaimTemplate: {
                spec: {
                  accessModes: ['ReadWriteOncePod'],
                  resources: { requests: { storage: '1Gi' } },
                  volumeAttributesClassName: 'silver',
                },
              },
            },
          },
          { name: 'disk', persistentVolumeClaim: { claimName: 'disk' } },
        ],
      },
    };

    test('fields that SEKS does not know survive: without what was added, it is the pod that nobody touched', async () => {
      const [injected, untouched] = await Promise.all([
        createPod(kubectl, pod('unusual', { app: 'research', tier: 'agents' }, unusual)),
        createPod(
          kubectl,
          pod('unusual', { app: 'research', tier: 'agents' }, { ...unusual, namespace: plain }),
        ),
      ]);
      // The API server drops fields whose features are off; these are on, and so prove something.
      expect(untouched.spec).toMatchObject({
        schedulingGates: unusual.spec.schedulingGates,
        topologySpreadConstraints: unusual.spec.topologySpreadConstraints,
        readinessGates: unusual.spec.readinessGates,
        resourceClaims: unusual.spec.resourceClaims,
        containers: [
          {
            resizePolicy: expect.arrayContaining(unusual.container.resizePolicy),
            resources: unusual.container.resources,
            lifecycle: unusual.container.lifecycle,
          },
        ],
      });
      expect(specWithoutInjection(injected)).toEqual(specWithoutApiToken(untouched));
      expect(injected.metadata).toMatchObject({
        labels: { app: 'research', tier: 'agents', 'seks.ai/injected': 'true' },
        annotations: { 'seks.ai/injection-seal': expect.any(String) },
      });
      expect(Object.keys(injected.metadata.labels ?? {})).toHaveLength(3);
      expect(Object.keys(injected.metadata.annotations ?? {})).toHaveLength(1);
    });

    test('every container but the sidecar has its variables in front, and a token of its own', async () => {
      const injected = await createPod(kubectl, pod('variables', { app: 'research' }, unusual));
      const [sidecar, ...others] = [...(injected.spec.initContainers ?? []), ...injected.spec.containers];
      expect(sidecar?.name).toBe('seks-proxy');
      expect(others.map(({ name }) => name)).toEqual(['log', 'migrate', 'agent']);
      for (const { env = [] } of others) {
        expect(env.slice(0, OPENAI_NAMES.length).map(({ name }) => name)).toEqual(OPENAI_NAMES);
        const baseUrl = env.find(({ name }) => name === 'OPENAI_BASE_URL');
        expect(baseUrl?.value).toBe('http://127.0.0.1:15080/openai/v1');
      }
      const tokens = others.map(({ env = [] }) => env[0]?.value ?? '');
      for (const token of tokens) expect(token).toMatch(/^sk-proj-.*seks/);
      expect(new Set(tokens).size).toBe(others.length);
    });

    test('S2: the API server’s token is gone with its mounts, and the flag keeps it away', async () => {
      const untouched = await createPod(kubectl, pod('token', { app: 'other' }));
      // One volume and one mount: the plugin is at work here.
      expect(apiTokenVolumes(untouched)).toHaveLength(2);
      expect(apiTokenVolumes(firstInjected)).toEqual([]);
      expect(firstInjected.spec.automountServiceAccountToken).toBe(false);
    });

    test('S2: the flag is false as well where the author wrote true, and kubectl says so', async () => {
      const asked = pod('wants-token', { app: 'research' }, { spec: { automountServiceAccountToken: true } });
      const { code, stdout, stderr } = await tryCreate(kubectl, asked, '-o', 'json');
      expect(code).toBe(0);
      const injected = JSON.parse(stdout) as StoredPod;
      expect(injected.spec.automountServiceAccountToken).toBe(false);
      expect(apiTokenVolumes(injected)).toEqual([]);
      expect(stderr).toMatch(/Warning: seks: spec\.automountServiceAccountToken is set to false/);
    });
  });

  describe('pods that are none of its business', () => {
    test('are stored as where SEKS sees nothing: no binding selects them, or the namespace did not opt in', async () => {
      const nothing = await createPod(kubectl, pod('bare', { app: 'bystander' }, { namespace: plain }));
      const unselected = await createPod(kubectl, pod('bare', { app: 'bystander' }));
      await applyBinding(kubectl, bindingFor('bystander', plain));
      const notOptedIn = await createPod(
        kubectl,
        pod('bare-too', { app: 'bystander' }, { namespace: plain }),
      );
      for (const untouched of [unselected, notOptedIn]) {
        expect(apiTokenVolumes(untouched)).toHaveLength(2);
        expect('automountServiceAccountToken' in untouched.spec).toBe(false);
        expect(specWithoutApiToken(untouched)).toEqual(specWithoutApiToken(nothing));
        expect(untouched.metadata.labels).toEqual({ app: 'bystander' });
        expect(untouched.metadata.annotations).toBeUndefined();
      }
    });
  });

  describe('a webhook that runs after ours', () => {
    let late: LateWebhook;
    beforeAll(async () => {
      late = await installLateWebhook(kubectl, { image: suite().images.agent, forNamespace: namespace });
      // The API server reads configurations in the background.
      await waitUntil(
        async () => {
          const probe = pod('late-probe', { late: 'adds-container' });
          return (await createPod(kubectl, probe, '--dry-run=server')).spec.containers.length === 2;
        },
        { what: 'the API server to call the late webhook', timeoutMs: 30_000, intervalMs: 500 },
      );
    }, 120_000);
    afterAll(() => late.remove());

    test('the patch applied twice is the patch applied once', async () => {
      const before = await admissions('injected');
      const twice = await createPod(kubectl, pod('late', { app: 'research', late: 'adds-container' }));
      // The second pass was there, and only took raw sockets from the newcomer.
      expect(await admissions('injected')).toBeGreaterThanOrEqual(before + 2);
      const [agent, mesh, ...rest] = twice.spec.containers;
      expect(rest).toEqual([]);
      expect(mesh).toMatchObject({ name: 'mesh', image: 'registry.example/mesh:1' });
      expect(mesh).toHaveProperty('securityContext.capabilities.drop', ['NET_RAW']);
      expect(agent.env?.map(({ name }) => name)).toEqual(OPENAI_NAMES);
      expect(twice.spec.initContainers?.map(({ name }) => name)).toEqual(['seks-proxy']);
      expect(twice.spec.volumes?.map(({ name }) => name)).toEqual(INJECTED_VOLUMES);
      expect(configOf(twice)).toEqual(configOf(firstInjected));
    });

    test('S2: a container that comes later gets neither the API server’s token nor ours', async () => {
      const twice = await createPod(kubectl, pod('late-token', { app: 'research', late: 'adds-container' }));
      expect(apiTokenVolumes(twice)).toEqual([]);
      expect(twice.spec.containers[1]).not.toHaveProperty('volumeMounts');
      expect(twice.spec.containers[1]).not.toHaveProperty('env');
    });

    test.each([
      ['changes-sidecar', 'SEKS_INJECT_SIDECAR_EXISTS'],
      ['mounts-private-volume', 'SEKS_INJECT_SECRET_EXPOSED'],
    ])('S11: what it %s with is refused', async (change, code) => {
      const { stderr, ...refused } = await tryCreate(kubectl, pod(change, { app: 'research', late: change }));
      expect(refused.code).toBe(1);
      expect(stderr).toContain(code);
    });
  });

  describe('the manifest of an injected pod used again', () => {
    test('applied to the pod itself it changes nothing', async () => {
      const applied = await createPod(kubectl, pod('applied', { app: 'research' }));
      await kubectl.apply(manifestOf(applied));
      const now = await kubectl.get<StoredPod & Pod>('pod', 'applied', namespace);
      expect(now?.spec).toEqual(applied.spec);
    });

    test('a copy within seconds is taken for a second pass: same namespace, same ServiceAccount, nothing new', async () => {
      const original = await createPod(kubectl, pod('original', { app: 'research' }));
      const copy = await createPod(kubectl, manifestOf(original, { name: 'copy' }));
      expect(copy.spec).toEqual(original.spec);
      expect(copy.metadata.annotations).toEqual(original.metadata.annotations);
    });

    test('S11: a copy elsewhere, for another ServiceAccount or with a changed sidecar is refused', async () => {
      const other = await makeNamespace(kubectl, 'other', OPTED_IN);
      try {
        await kubectl.run(['create', 'serviceaccount', 'another', '-n', namespace]);
        const original = await createPod(kubectl, pod('source', { app: 'research' }));
        const copy = (change: (pod: StoredPod) => void, metadata: object = {}): Promise<string> => {
          const manifest = manifestOf(original, { name: 'copied', ...metadata });
          change(manifest);
          return refusalOf(kubectl, manifest);
        };
        expect(await copy(() => undefined, { namespace: other })).toContain('SEKS_INJECT_SEAL_STALE');
        const asAnother = { serviceAccountName: 'another', serviceAccount: 'another' };
        expect(await copy(({ spec }) => Object.assign(spec, asAnother))).toContain('SEKS_INJECT_SEAL_STALE');
        expect(
          await copy((manifest) => {
            sidecarOf(manifest).env?.push({ name: 'NODE_EXTRA_CA_CERTS', value: '/tmp/evil.pem' });
          }),
        ).toContain('SEKS_INJECT_SIDECAR_EXISTS');
        expect(await copy(({ metadata }) => delete metadata.annotations)).toContain(
          'SEKS_INJECT_SIDECAR_EXISTS',
        );
      } finally {
        await removeNamespaces(kubectl, other);
      }
    });
  });

  describe('the label seks.ai/inject', () => {
    test.each([
      ['in a namespace that opted in', () => namespace],
      ['in one that did not', () => plain],
    ])('without a binding the pod is refused with the code, %s', async (_, where) => {
      const labels = { app: 'nobody', 'seks.ai/inject': 'true' };
      expect(await refusalOf(kubectl, pod('nobody', labels, { namespace: where() }))).toContain(
        'SEKS_INJECT_NO_BINDING',
      );
    });

    test('a Deployment that was applied before its binding recovers by itself', async () => {
      const app = 'early';
      const deployment = { kind: 'deployment', name: app, namespace };
      const { images } = suite();
      await kubectl.apply(agentDeployment({ name: app, namespace, image: images.agent, command: IDLE }));
      const message = await kubectl.waitFor(deployment, 'to say why it has no pod', ({ status }) =>
        status?.conditions?.find(({ type, status: value }) => type === 'ReplicaFailure' && value === 'True'),
      );
      expect(message).toMatchObject({
        reason: 'FailedCreate',
        message: expect.stringContaining('SEKS_INJECT_NO_BINDING'),
      });
      await applyBinding(kubectl, bindingFor(app, namespace));
      await kubectl.waitFor(
        deployment,
        'to have its pod',
        ({ status }) => status?.readyReplicas === 1,
        110_000,
      );
      const [running] = await kubectl.list<Pod & StoredPod>('pods', namespace, `app=${app}`);
      expect(running === undefined ? undefined : sidecarOf(running).name).toBe('seks-proxy');
    }, 240_000);
  });

  test('a server-side dry run shows the injected pod and leaves no trace', async () => {
    await applyBinding(kubectl, bindingFor('dry', namespace));
    const counted = await kubectl.get<StoredBinding>('seksbinding', 'dry', namespace);
    const [injected, denied] = await Promise.all([admissions('injected'), admissions('denied')]);
    const shown = await createPod(kubectl, pod('dry', { app: 'dry' }), '--dry-run=server');
    expect(sidecarOf(shown).name).toBe('seks-proxy');
    const refused = pod('dry', { app: 'nobody', 'seks.ai/inject': 'true' });
    expect((await tryCreate(kubectl, refused, '--dry-run=server')).stderr).toContain(
      'SEKS_INJECT_NO_BINDING',
    );
    expect(await kubectl.get('pod', 'dry', namespace)).toBeUndefined();
    expect(await Promise.all([admissions('injected'), admissions('denied')])).toEqual([injected, denied]);
    // A pod that follows is counted, and counted alone.
    await createPod(kubectl, pod('wet', { app: 'dry' }));
    const status = await kubectl.waitFor(
      { kind: 'seksbinding', name: 'dry', namespace },
      'to count',
      (found) => (found.status?.pods?.matched === 0 ? undefined : found.status),
    );
    expect(counted?.status?.pods).toEqual({ matched: 0, injected: 0, outdated: 0 });
    expect(status.pods).toEqual({ matched: 1, injected: 1, outdated: 0 });
    expect(await admissions('injected')).toBe(injected + 1);
  });

  // Last, as the first pod's seal has grown old meanwhile.
  test('S11: a copy of a pod is refused once the seal is old', async () => {
    const copy = manifestOf(firstInjected, { name: 'late-copy' });
    const said = await waitUntil(
      async () => {
        const { code, stderr } = await tryCreate(kubectl, copy, '--dry-run=server');
        return code === 0 ? undefined : stderr;
      },
      { what: 'the seal to be too old', timeoutMs: SEAL_STALE_MS, intervalMs: 2_000 },
    );
    expect(said).toContain('SEKS_INJECT_SEAL_STALE');
  });

  /** admissions that the operator has counted so far */
  async function admissions(outcome: 'untouched' | 'injected' | 'denied'): Promise<number> {
    const pods = await kubectl.list<Pod>('pods', SYSTEM_NAMESPACE, 'app.kubernetes.io/component=operator');
    const operator = pods.find((found) => isReady(found) && !('deletionTimestamp' in found.metadata));
    const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/pods/${operator?.metadata.name}:8080/proxy/metrics`;
    return metricSum(await kubectl.raw(path), 'seks_admission_requests_total', { outcome });
  }
});
