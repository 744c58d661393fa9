// The webhook behind a real API server, with its plugins, defaults and policies: what is stored in the end, and what
// kubectl says where nothing is.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import { isReady, type Kubectl, type Pod } from '../harness/kubectl.ts';
import { metricSum } from '../harness/metrics.ts';
import { agentDeployment, credential, IDLE, seksBinding } from '../harness/objects.ts';
import { clusterSuite } from '../harness/suite.ts';
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
  createPod,
  GATED,
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
const IMAGE = 'registry.example/agent:1';

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

  function bindingFor(app: string, inNamespace: string): object {
    const credentials = [credential('openai', `${app}-keys`)];
    return seksBinding({ name: app, namespace: inNamespace, app, credentials });
  }

  interface PodChange {
    readonly namespace?: string;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly container?: object;
    readonly spec?: object;
  }

  function pod(name: string, labels: Readonly<Record<string, string>>, change: PodChange = {}): object {
    return {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace, labels, ...pick(change, 'namespace'), ...pick(change, 'annotations') },
      spec: {
        ...GATED,
        terminationGracePeriodSeconds: 0,
        containers: [{ name: 'agent', image: IMAGE, ...change.container }],
        ...change.spec,
      },
    };
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
          return refusal(manifest);
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
      expect(await refusal(pod('nobody', labels, { namespace: where() }))).toContain(
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

  describe('variables in the way', () => {
    test('two bindings that claim one name are refused, and both are named', async () => {
      for (const name of ['alice', 'bob']) {
        await applyBinding(
          kubectl,
          seksBinding({
            name,
            namespace,
            app: 'shared',
            credentials: [credential('openai', `${name}-keys`)],
          }),
        );
      }
      const said = await refusal(pod('shared', { app: 'shared' }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_ENV_CONFLICT: /);
      expect(said).toContain('OPENAI_API_KEY is claimed by alice/openai and bob/openai.');
      expect(said).toContain('Give one of them other names in spec.credentials[].env');
    });

    test('valueFrom is refused, and kubectl shows what to remove', async () => {
      const env = [{ name: 'OPENAI_API_KEY', valueFrom: { secretKeyRef: { name: 'old', key: 'openai' } } }];
      const said = await refusal(pod('value-from', { app: 'research' }, { container: { env } }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_ENV_VALUE_FROM: /);
      expect(said).toContain('spec.containers[0] (agent): OPENAI_API_KEY has valueFrom.');
      expect(said).toContain('Remove the valueFrom entry');
    });

    test('a literal is replaced with a warning', async () => {
      const env = [
        { name: 'FIRST', value: '1' },
        { name: 'OPENAI_API_KEY', value: 'sk-plain' },
      ];
      const replaced = pod('literal', { app: 'research' }, { container: { env } });
      const { stdout, stderr } = await tryCreate(kubectl, replaced, '-o', 'json');
      expect(stderr).toMatch(/Warning: seks: .*OPENAI_API_KEY is replaced by the value of research\/openai/);
      const { spec } = JSON.parse(stdout) as StoredPod;
      expect(spec.containers[0].env?.map(({ name }) => name)).toEqual([...OPENAI_NAMES, 'FIRST']);
      expect(JSON.stringify(spec)).not.toContain('sk-plain');
    });
  });

  describe('intercept modes', () => {
    const SYSCTL = { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' };
    /** what Pod Security "restricted" asks of a container */
    const restricted = {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      runAsNonRoot: true,
      runAsUser: 1000,
      seccompProfile: { type: 'RuntimeDefault' },
    };

    /** of our own, because the harness replaces the built-in ones with its stubs */
    const FORGE = 'forge-of-injection-test';
    const HOSTS = ['acme.forge.example', 'api.forge.example'];
    const forge = (intercept: readonly string[], parameters: object = { tenant: 'acme' }) => ({
      ...credential(FORGE, 'alias-keys'),
      intercept,
      parameters,
    });

    beforeAll(async () => {
      await kubectl.apply({
        apiVersion: 'seks.ai/v1alpha1',
        kind: 'SeksProvider',
        metadata: { name: FORGE },
        spec: {
          upstreams: [{ host: '{tenant}.forge.example' }, { host: 'api.forge.example' }],
          parameters: [{ name: 'tenant' }],
          auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
          env: { key: ['FORGE_TOKEN'], baseUrl: ['FORGE_URL'] },
          fakeToken: 'fg_{token}',
        },
      });
      const credentials = [forge(['HostAlias', 'Proxy'])];
      await applyBinding(kubectl, seksBinding({ name: 'alias', namespace, app: 'alias', credentials }));
      await readiness('alias', 'True');
    });
    afterAll(() => kubectl.run(['delete', 'seksprovider', FORGE, '--ignore-not-found']));

    /** the condition once it has this status */
    function readiness(name: string, wanted: string) {
      return kubectl.waitFor(
        { kind: 'seksbinding', name, namespace },
        `to be Ready=${wanted}`,
        ({ status }) =>
          status?.conditions?.find(({ type, status: value }) => type === 'Ready' && value === wanted),
      );
    }

    const aliased = (name: string, spec: object, container: object = {}): object =>
      pod(name, { app: 'alias' }, { spec, container });

    test('hosts, port and variables are stored beside what the author has', async () => {
      const hostAliases = [{ ip: '10.1.2.3', hostnames: ['db.internal'] }];
      const securityContext = { fsGroup: 7, sysctls: [{ name: 'net.ipv4.tcp_syncookies', value: '1' }] };
      const { spec } = await createPod(kubectl, aliased('aliased', { hostAliases, securityContext }));
      expect(spec['hostAliases']).toEqual([...hostAliases, { ip: '127.0.0.1', hostnames: HOSTS }]);
      expect(spec['securityContext']).toEqual({
        ...securityContext,
        sysctls: [...securityContext.sysctls, SYSCTL],
      });
      const env = new Map(spec.containers[0].env?.map(({ name, value }) => [name, value]));
      expect(env.get('FORGE_TOKEN')).toMatch(/^fg_seks/);
      expect(env.has('FORGE_URL')).toBe(false);
      expect(env.get('SSL_CERT_FILE')).toBe('/var/run/seks/public/ca-bundle.pem');
      expect(env.get('HTTPS_PROXY')).toBe('http://127.0.0.1:15080');
      expect(env.get('no_proxy')).toBe('127.0.0.1,localhost,.svc,.cluster.local');
    });

    test('the pod may be "restricted"', async () => {
      const labels = { ...OPTED_IN, 'pod-security.kubernetes.io/enforce': 'restricted' };
      const strict = await makeNamespace(kubectl, 'strict', labels);
      try {
        const credentials = [forge(['HostAlias'])];
        await applyBinding(
          kubectl,
          seksBinding({ name: 'alias', namespace: strict, app: 'alias', credentials }),
        );
        const change = { namespace: strict, container: { securityContext: restricted } };
        const { spec } = await createPod(kubectl, pod('strict', { app: 'alias' }, change));
        expect(spec['securityContext']).toEqual({ sysctls: [SYSCTL] });
      } finally {
        await removeNamespaces(kubectl, strict);
      }
    });

    test('a host that the author points elsewhere is refused, and kubectl shows what to remove', async () => {
      const hostAliases = [{ ip: '10.1.2.3', hostnames: ['api.forge.example'] }];
      const said = await refusal(aliased('elsewhere', { hostAliases }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_INTERCEPT_CONFLICT: /);
      expect(said).toContain('spec.hostAliases[0] points api.forge.example to another address');
    });

    test('a volume of the author where ours will be is refused, and named', async () => {
      const volumes = [{ name: 'mine', emptyDir: {} }];
      const volumeMounts = [{ name: 'mine', mountPath: '/var/run/seks/public' }];
      const said = await refusal(aliased('clash', { volumes }, { volumeMounts }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_RESERVED_NAME: /);
      expect(said).toContain('the mount of mine at /var/run/seks/public in spec.containers[0] (agent)');
    });

    test('what the author keeps comes back as warnings', async () => {
      const ports = [{ containerPort: 443 }];
      const env = [
        { name: 'SSL_CERT_FILE', value: '/etc/corp.pem' },
        { name: 'https_proxy', value: 'http://corp' },
      ];
      const { code, stderr } = await tryCreate(kubectl, aliased('warned', {}, { ports, env }));
      expect(code).toBe(0);
      expect(stderr).toMatch(/Warning: seks: .*containerPort 443/);
      expect(stderr).toMatch(/Warning: seks: .*SSL_CERT_FILE is kept; add .*ca-bundle\.pem/);
      expect(stderr).toMatch(
        /Warning: seks: .*https_proxy is kept, so intercept mode Proxy does not work there/,
      );
    });

    test('wrong parameters are refused at the pod and shown at the binding', async () => {
      const credentials = [forge(['BaseURL'], { tenant: 'acme', region: 'eu' })];
      await applyBinding(kubectl, seksBinding({ name: 'params', namespace, app: 'params', credentials }));
      expect(await refusal(pod('params', { app: 'params' }))).toMatch(
        /denied the request: SEKS_PARAMETER_INVALID: .*has no parameter region/,
      );
      expect(await readiness('params', 'False')).toMatchObject({ reason: 'ParameterInvalid' });
    });
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

  describe('S11: what a pod’s author may set', () => {
    /** the sidecar and its volumes, without what is new in each injection */
    function privateParts(injected: StoredPod): unknown {
      const { env, ...sidecar } = sidecarOf(injected);
      return {
        sidecar: { ...sidecar, env: env?.filter(({ name }) => name !== 'SEKS_CONFIG') },
        config: configOf(injected),
        volumes: injected.spec.volumes?.filter(({ name }) => INJECTED_VOLUMES.includes(name)),
      };
    }

    test('labels and annotations change nothing about the sidecar', async () => {
      const labels = { app: 'research', 'seks.ai/inject': 'true', 'seks.ai/injection': 'disabled' };
      const annotations = {
        'seks.ai/inject': 'false',
        'seks.ai/injection': 'disabled',
        'seks.ai/image': 'registry.example/evil:1',
        'seks.ai/sidecar-image': 'registry.example/evil:1',
        'seks.ai/sidecar-resources': '{"limits":{"memory":"1Mi"}}',
        'seks.ai/upstream': 'https://evil.example',
        'seks.ai/log-level': 'debug',
        'sidecar.istio.io/inject': 'false',
        'kubectl.kubernetes.io/default-container': 'seks-proxy',
        'prometheus.io/port': '1',
        'io.kubernetes.cri-o.userns-mode': 'auto',
      };
      const decorated = await createPod(kubectl, pod('decorated', labels, { annotations }));
      expect(privateParts(decorated)).toEqual(privateParts(firstInjected));
    });

    test('seks.ai/inject "false" is no way out', async () => {
      const declined = await createPod(
        kubectl,
        pod('declined', { app: 'research', 'seks.ai/inject': 'false' }),
      );
      expect(privateParts(declined)).toEqual(privateParts(firstInjected));
    });

    test('variables and fields of the pod change nothing about the sidecar', async () => {
      const spec = {
        securityContext: { runAsUser: 0, seccompProfile: { type: 'Unconfined' }, fsGroup: 1 },
        dnsPolicy: 'None',
        dnsConfig: { nameservers: ['192.0.2.1'] },
        hostAliases: [{ ip: '192.0.2.1', hostnames: ['api.openai.com', 'seks-keyservice'] }],
        priority: 0,
      };
      const env = [
        { name: 'SEKS_CONFIG', value: '{}' },
        { name: 'NODE_OPTIONS', value: '--inspect' },
        { name: 'NODE_TLS_REJECT_UNAUTHORIZED', value: '0' },
      ];
      const bent = await createPod(kubectl, pod('bent', { app: 'research' }, { spec, container: { env } }));
      expect(privateParts(bent)).toEqual(privateParts(firstInjected));
    });

    test.each(['unconfined', 'localhost/evil'])(
      'the AppArmor annotation %s for the sidecar, which the API server turns into a field, is refused',
      async (profile) => {
        const annotations = { 'container.apparmor.security.beta.kubernetes.io/seks-proxy': profile };
        expect(
          await refusal(pod(`apparmor-${profile.replace('/', '-')}`, { app: 'research' }, { annotations })),
        ).toContain('SEKS_INJECT_RESERVED_NAME');
      },
    );

    test.each([
      ['label seks.ai/injected', { labels: { 'seks.ai/injected': 'true' } }],
      ['annotation seks.ai/injection-seal', { annotations: { 'seks.ai/injection-seal': 'mine' } }],
    ])('our own marks are refused: %s', async (_, marks: { labels?: object; annotations?: object }) => {
      const labels = { app: 'research', ...marks.labels };
      const change = marks.annotations === undefined ? {} : { annotations: { ...marks.annotations } };
      expect(await refusal(pod('marked', labels, change))).toContain('SEKS_INJECT_RESERVED_NAME');
    });
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

  /** what kubectl says about a pod that must not be created */
  async function refusal(manifest: object): Promise<string> {
    const { code, stdout, stderr } = await tryCreate(kubectl, manifest);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    return stderr;
  }

  /** admissions that the operator has counted so far */
  async function admissions(outcome: 'untouched' | 'injected' | 'denied'): Promise<number> {
    const pods = await kubectl.list<Pod>('pods', SYSTEM_NAMESPACE, 'app.kubernetes.io/component=operator');
    const operator = pods.find((found) => isReady(found) && !('deletionTimestamp' in found.metadata));
    const path = `/api/v1/namespaces/${SYSTEM_NAMESPACE}/pods/${operator?.metadata.name}:8080/proxy/metrics`;
    return metricSum(await kubectl.raw(path), 'seks_admission_requests_total', { outcome });
  }
});

/** the sidecar's config without what is new in each injection: tokens and time */
function configOf(injected: StoredPod): unknown {
  const text = sidecarOf(injected).env?.find(({ name }) => name === 'SEKS_CONFIG')?.value ?? '';
  return JSON.parse(text.replaceAll('$$', '$'), (key, value: unknown) =>
    ['sha256', 'issuedAtSeconds'].includes(key) ? 'new each time' : value,
  );
}

function pick<T extends object, K extends keyof T>(object: T, key: K): Partial<Pick<T, K>> {
  return object[key] === undefined ? {} : ({ [key]: object[key] } as Partial<Pick<T, K>>);
}
