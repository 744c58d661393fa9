// What the author of a pod may set where the webhook sets something too: what is kept, what gives way, what is refused, and that
// nothing of it changes the sidecar.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Kubectl } from '../harness/kubectl.ts';
import { credential, seksBinding } from '../harness/objects.ts';
import { clusterSuite } from '../harness/suite.ts';
import { authoredPod, bindingFor, refusalOf, type PodChange } from './authored-pod.ts';
import { applyBinding, makeNamespace, OPTED_IN, removeNamespaces } from './own-namespace.ts';
import {
  configOf,
  createPod,
  INJECTED_VOLUMES,
  OPENAI_NAMES,
  sidecarOf,
  tryCreate,
  type StoredPod,
} from './stored-pod.ts';

clusterSuite('injection on a real API server', (suite) => {
  let kubectl: Kubectl;
  let namespace: string;
  /** injected; its author set only what a pod must have */
  let simple: StoredPod;

  beforeAll(async () => {
    ({ kubectl } = suite());
    namespace = await makeNamespace(kubectl, 'author', OPTED_IN);
    await applyBinding(kubectl, bindingFor('research', namespace));
    simple = await createPod(kubectl, pod('simple', { app: 'research' }));
  }, 120_000);
  afterAll(() => removeNamespaces(kubectl, namespace));

  function pod(name: string, labels: Readonly<Record<string, string>>, change: PodChange = {}): object {
    return authoredPod({ name, namespace, labels, ...change });
  }

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
      const said = await refusalOf(kubectl, pod('shared', { app: 'shared' }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_ENV_CONFLICT: /);
      expect(said).toContain('OPENAI_API_KEY is claimed by alice/openai and bob/openai.');
      expect(said).toContain('Give one of them other names in spec.credentials[].env');
    });

    test('valueFrom is refused, and kubectl shows what to remove', async () => {
      const env = [{ name: 'OPENAI_API_KEY', valueFrom: { secretKeyRef: { name: 'old', key: 'openai' } } }];
      const said = await refusalOf(kubectl, pod('value-from', { app: 'research' }, { container: { env } }));
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
      const said = await refusalOf(kubectl, aliased('elsewhere', { hostAliases }));
      expect(said).toMatch(/denied the request: SEKS_INJECT_INTERCEPT_CONFLICT: /);
      expect(said).toContain('spec.hostAliases[0] points api.forge.example to another address');
    });

    test('a volume of the author where ours will be is refused, and named', async () => {
      const volumes = [{ name: 'mine', emptyDir: {} }];
      const volumeMounts = [{ name: 'mine', mountPath: '/var/run/seks/public' }];
      const said = await refusalOf(kubectl, aliased('clash', { volumes }, { volumeMounts }));
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
      expect(await refusalOf(kubectl, pod('params', { app: 'params' }))).toMatch(
        /denied the request: SEKS_PARAMETER_INVALID: .*has no parameter region/,
      );
      expect(await readiness('params', 'False')).toMatchObject({ reason: 'ParameterInvalid' });
    });
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
      expect(privateParts(decorated)).toEqual(privateParts(simple));
    });

    test('seks.ai/inject "false" is no way out', async () => {
      const declined = await createPod(
        kubectl,
        pod('declined', { app: 'research', 'seks.ai/inject': 'false' }),
      );
      expect(privateParts(declined)).toEqual(privateParts(simple));
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
      expect(privateParts(bent)).toEqual(privateParts(simple));
    });

    test.each(['unconfined', 'localhost/evil'])(
      'the AppArmor annotation %s for the sidecar, which the API server turns into a field, is refused',
      async (profile) => {
        const annotations = { 'container.apparmor.security.beta.kubernetes.io/seks-proxy': profile };
        expect(
          await refusalOf(
            kubectl,
            pod(`apparmor-${profile.replace('/', '-')}`, { app: 'research' }, { annotations }),
          ),
        ).toContain('SEKS_INJECT_RESERVED_NAME');
      },
    );

    test.each([
      ['label seks.ai/injected', { labels: { 'seks.ai/injected': 'true' } }],
      ['annotation seks.ai/injection-seal', { annotations: { 'seks.ai/injection-seal': 'mine' } }],
    ])('our own marks are refused: %s', async (_, marks: { labels?: object; annotations?: object }) => {
      const labels = { app: 'research', ...marks.labels };
      const change = marks.annotations === undefined ? {} : { annotations: { ...marks.annotations } };
      expect(await refusalOf(kubectl, pod('marked', labels, change))).toContain('SEKS_INJECT_RESERVED_NAME');
    });
  });
});
