// A hostile agent, root in its container, and a hostile author of pods try what they can think of. One pod with two containers: the
// agent, which has a credential, and a neighbour, which has none.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SIDECAR_CONTAINER } from '@seks/crds';
import { readyAgent } from '../harness/agent.ts';
import { FLOOD, LIAR, STEAL } from '../harness/hostile-programs.ts';
import { SYSTEM_NAMESPACE } from '../harness/install.ts';
import { isReady, type Pod, type Target } from '../harness/kubectl.ts';
import { AGENT_CONTAINER, agentPod, IDLE } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { prepareAgent, secretOf } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';

const APP = 'red-team';
const SECRET = secretOf(APP);
const NEIGHBOUR = 'neighbour';
const RESOLVER = 'liar';
/** a pod that is never made */
const PROBE = 'probe';

clusterSuite('a hostile agent and a hostile author of pods', (suite) => {
  let namespace: OwnNamespace;
  let agent: Target;
  let neighbour: Target;

  beforeAll(async () => {
    const { kubectl } = suite();
    namespace = await ownNamespace(kubectl, 'red');
    const ofAgentAlone = { containers: [AGENT_CONTAINER] };
    await prepareAgent(suite(), { app: APP, namespace: namespace.name, credential: ofAgentAlone });
    await kubectl.apply(liar(), author({}));
    agent = await readyAgent(kubectl, namespace.name, APP);
    neighbour = { ...agent, container: NEIGHBOUR };
  }, 120_000);

  afterAll(async () => {
    await namespace.remove();
  });

  /** a pod that the binding selects, as its author changes it */
  function author(change: {
    readonly name?: string;
    readonly spec?: Readonly<Record<string, unknown>>;
    readonly container?: Readonly<Record<string, unknown>>;
    readonly annotations?: Readonly<Record<string, string>>;
  }): ReturnType<typeof agentPod> {
    const image = suite().images.agent;
    const idle = { image, imagePullPolicy: 'IfNotPresent', command: IDLE };
    return agentPod({
      name: change.name ?? APP,
      namespace: namespace.name,
      image,
      labels: { app: APP, 'seks.ai/inject': 'true' },
      ...(change.annotations === undefined ? {} : { annotations: change.annotations }),
      pod: {
        containers: [
          { name: AGENT_CONTAINER, ...idle, ...change.container },
          { name: NEIGHBOUR, ...idle },
        ],
        ...change.spec,
      },
    });
  }

  function liar(): object {
    const env = [
      { name: 'HOST', value: suite().stub.host },
      { name: 'IP', valueFrom: { fieldRef: { fieldPath: 'status.podIP' } } },
    ];
    const readinessProbe = { exec: { command: ['test', '-e', '/tmp/ready'] }, periodSeconds: 1 };
    return agentPod({
      name: RESOLVER,
      namespace: namespace.name,
      labels: { app: RESOLVER },
      image: suite().images.agent,
      command: ['python3', '-c', LIAR],
      container: { env, readinessProbe },
    });
  }

  async function shell(script: string, target: Target = agent): Promise<string> {
    const { stdout } = await suite().kubectl.exec(target, ['sh', '-c', script], { timeoutMs: 60_000 });
    return stdout.trim();
  }

  const use = `curl -s -m 20 -o /dev/null -w '%{http_code}\\n' -H "authorization: Bearer $OPENAI_API_KEY" "$OPENAI_BASE_URL/models"`;

  describe('as root beside the sidecar', () => {
    test('S1: nothing that passes on an interface of the pod can be recorded', async () => {
      const { stdout } = await suite().kubectl.exec(agent, ['python3', '-c', STEAL], { timeoutMs: 60_000 });
      expect(stdout.trim()).toBe('no raw socket');
    });

    test('S1: the sidecar shows two ports and nothing else: no socket, shared memory, queue or process', async () => {
      const seen = await shell(
        [
          `awk '$4 == "0A" {print $2, $8}' /proc/net/tcp /proc/net/tcp6 | sort`,
          'tail -n +2 /proc/net/unix | wc -l',
          'ls /dev/shm /dev/mqueue | grep -v : | grep -c .',
          `grep -l 64021 /proc/[0-9]*/status 2>/dev/null | wc -l`,
        ].join('; '),
      );
      const loopback15080 = '0100007F:3AE8 64021';
      const any15090 = '00000000:3AF2 64021';
      expect(seen.split('\n')).toEqual([any15090, loopback15080, '0', '0', '0']);
    });

    test('S8: the admin port takes three paths and two methods, at every address', async () => {
      const paths = [
        '/',
        '//metrics',
        '/%6detrics',
        '/metrics/../env',
        '/json/list',
        '/debug/pprof',
        '/metrics?a',
      ];
      const odd = paths.map((path) => `"http://$host:15090${path}"`).join(' ');
      const print = `curl -s -m 5 --path-as-is -o /dev/null -w '%{http_code} '`;
      const answers = await shell(
        `for host in 127.0.0.1 $(hostname -i); do for url in ${odd}; do ${print} $url; done
         for method in POST PUT PATCH DELETE OPTIONS TRACE; do ${print} -X $method http://$host:15090/metrics; done
         ${print} -H "x: $(head -c 20000 /dev/zero | tr '\\0' a)" http://$host:15090/metrics; done`,
      );
      const expected = [...paths.map(() => '404'), ...Array<string>(6).fill('405'), '431'];
      expect(answers.split(' ').filter(Boolean)).toEqual([...expected, ...expected]);
    });

    test('S6: a rewritten /etc/hosts and /etc/resolv.conf lead nobody to a server of the agent', async () => {
      const { host } = suite().stub;
      const files = 'for file in hosts resolv.conf; do cp /etc/$file /tmp/; done';
      const rewrite = `echo "127.0.0.1 ${host}" >> /etc/hosts; echo nameserver 127.0.0.1 > /etc/resolv.conf`;
      // It notes every visit, be it HTTP or not; the first is our own.
      const serve = `(timeout 30 python3 -m http.server 443 --bind 127.0.0.1 >> /tmp/visits 2>&1 &)`;
      const listen = `${serve}; until curl -s -o /dev/null 127.0.0.1:443; do :; done; : > /tmp/visits`;
      const calls = Array(12).fill(`${use} &`).join(' ');
      const restore = 'for file in hosts resolv.conf; do cat /tmp/$file > /etc/$file; done';
      const answers = await shell(
        `${files}; ${rewrite}; ${listen}; getent hosts ${host} >&2; ${calls} wait; ${restore}; wc -c < /tmp/visits`,
      );
      expect(answers.split('\n')).toEqual([...Array<string>(12).fill('200'), '0']);
    });

    test('S3: API server and key service take nobody without a credential', async () => {
      const services = `https://seks-keyservice.${SYSTEM_NAMESPACE}.svc:8443`;
      const urls = [
        `https://kubernetes.default.svc/api/v1/namespaces/${namespace.name}/secrets`,
        `https://kubernetes.default.svc/api/v1/namespaces/${namespace.name}/pods`,
        `${services}/v1/leases/x/events`,
        `${services}//v1/leases/../../v1/keys`,
      ].map((url) => `"${url}"`);
      const print = `curl -sk -m 5 --path-as-is -o /dev/null -w '%{http_code} '`;
      const answers = await shell(`for url in ${urls.join(' ')}; do ${print} $url; done`);
      expect(answers).toMatch(/^40[13] 40[13] 401 404$/);
    });

    test('S16: a container without the credential cannot take its token off the wire', async () => {
      const thief = suite().kubectl.exec(neighbour, ['python3', '-c', STEAL], { timeoutMs: 60_000 });
      const done = thief.then(() => true);
      while (!(await Promise.race([done, shell(use).then(() => false)])));
      expect((await thief).stdout.trim()).toBe('no raw socket');
    });
  });

  describe('as the author of pods', () => {
    interface Verdict {
      readonly refusal: string;
      readonly pod: Pod | undefined;
    }

    /** what the API server makes of a pod, which is not created */
    async function dryRun(pod: object): Promise<Verdict> {
      const args = ['create', '--dry-run=server', '-o', 'json', '-f', '-'];
      const { code, stdout, stderr } = await suite().kubectl.attempt(args, { input: JSON.stringify(pod) });
      return code === 0
        ? { refusal: '', pod: JSON.parse(stdout) as Pod }
        : { refusal: stderr, pod: undefined };
    }

    const withVolume = (source: object): { spec: Record<string, unknown> } => ({
      spec: { volumes: [{ name: 'extra', ...source }] },
    });

    const secretRef = { name: SECRET };
    test.each<[string, object]>([
      ['flexVolume', { flexVolume: { driver: 'a/b', secretRef } }],
      [
        'iscsi',
        { iscsi: { targetPortal: '192.0.2.1', iqn: 'iqn.2001-04.com.example:x', lun: 0, secretRef } },
      ],
      ['rbd', { rbd: { monitors: ['192.0.2.1'], image: 'x', secretRef } }],
      ['cephfs', { cephfs: { monitors: ['192.0.2.1'], secretRef } }],
      ['scaleIO', { scaleIO: { gateway: 'x', system: 'y', volumeName: 'z', secretRef } }],
      ['storageos', { storageos: { volumeName: 'x', secretRef } }],
      ['azureFile', { azureFile: { secretName: SECRET, shareName: 'x' } }],
      ['csi attributes', { csi: { driver: 'x', volumeAttributes: { secretName: SECRET } } }],
    ])('S2: the sealed Secret through a volume of kind %s is refused', async (_, source) => {
      expect((await dryRun(author({ name: PROBE, ...withVolume(source) }))).refusal).toContain(
        'SEKS_INJECT_SECRET_EXPOSED',
      );
    });

    test('S2: a token with the API server’s own audience, under its name, is refused', async () => {
      const { issuer } = JSON.parse(await suite().kubectl.raw('/.well-known/openid-configuration')) as {
        issuer: string;
      };
      const serviceAccountToken = { audience: issuer, path: 'token' };
      const pod = author({
        name: PROBE,
        ...withVolume({ projected: { sources: [{ serviceAccountToken }] } }),
      });
      expect((await dryRun(pod)).refusal).toContain('SEKS_INJECT_TOKEN_EXPOSED');
    });

    test.each<[string, Parameters<typeof author>[0]]>([
      ['host aliases', { spec: { hostAliases: [{ ip: '192.0.2.1', hostnames: ['api.openai.com'] }] } }],
      ['another DNS', { spec: { dnsPolicy: 'None', dnsConfig: { nameservers: ['192.0.2.1'] } } }],
      [
        'DNS options',
        { spec: { dnsConfig: { options: [{ name: 'ndots', value: '0' }], searches: ['evil.example'] } } },
      ],
      ['groups', { spec: { securityContext: { fsGroup: 64021, supplementalGroups: [64021] } } }],
      [
        'an unconfined seccomp profile',
        { spec: { securityContext: { seccompProfile: { type: 'Unconfined' } } } },
      ],
      [
        'sysctls',
        {
          spec: {
            securityContext: { sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '0' }] },
          },
        },
      ],
      ['a user namespace', { spec: { hostUsers: false } }],
      ['a deadline', { spec: { activeDeadlineSeconds: 600, schedulingGates: [{ name: 'a/b' }] } }],
      ['service links', { spec: { enableServiceLinks: true } }],
      [
        'an init container that stays',
        { spec: { initContainers: [{ name: 'a', image: 'a', restartPolicy: 'Always' }] } },
      ],
      ['pull secrets', { spec: { imagePullSecrets: [{ name: SECRET }] } }],
      [
        'variables of the sidecar',
        {
          container: {
            env: [
              { name: 'SEKS_CONFIG', value: '{}' },
              { name: 'NODE_OPTIONS', value: '--inspect' },
            ],
          },
        },
      ],
      [
        'annotations of runtimes',
        {
          annotations: {
            'kubectl.kubernetes.io/default-container': SIDECAR_CONTAINER,
            'io.kubernetes.cri-o.userns-mode': 'host',
            'kubernetes.io/config.source': 'file',
          },
        },
      ],
    ])('S11: with %s the sidecar is the same, and first', async (_, change) => {
      const first = (pod: Pod | undefined): unknown => {
        const [sidecar] = (pod?.spec['initContainers'] ?? []) as { env?: unknown }[];
        // Its configuration holds hashes of random tokens.
        return { ...sidecar, env: undefined };
      };
      const [plain, changed] = await Promise.all([
        dryRun(author({ name: PROBE })),
        dryRun(author({ name: PROBE, ...change })),
      ]);
      expect(changed.refusal).toBe('');
      expect(first(changed.pod)).toMatchObject({ name: SIDECAR_CONTAINER, restartPolicy: 'Always' });
      expect(first(changed.pod)).toEqual(first(plain.pod));
    });

    test.each(['status', 'resize'])(
      'S11: labels and seal cannot be changed through pods/%s',
      async (subresource) => {
        const { kubectl } = suite();
        const marks = async (): Promise<unknown> => {
          const pod = await kubectl.get<Pod>('pod', APP, namespace.name);
          return [pod?.metadata.labels, pod?.metadata.annotations];
        };
        const before = await marks();
        // Added beside what is there and dry, so that the pod stays in use.
        const metadata = {
          labels: { 'seks.ai/injected': 'changed' },
          annotations: { 'seks.ai/injection-seal': 'changed' },
        };
        const patch = [
          'patch',
          'pod',
          APP,
          '-n',
          namespace.name,
          '--type=merge',
          '-p',
          JSON.stringify({ metadata }),
        ];
        const dry = ['--dry-run=server', '-o', 'json', `--subresource=${subresource}`];
        const { code, stdout, stderr } = await kubectl.attempt([...patch, ...dry]);
        // Refused by a policy, or taken without these fields.
        if (code !== 0) expect(stderr).toContain('SEKS_INJECT_RESERVED_NAME');
        else expect(JSON.stringify((JSON.parse(stdout) as Pod).metadata)).not.toContain('"changed"');
        expect(await marks()).toEqual(before);
      },
    );

    test('S6: a resolver of the author’s own leads the sidecar astray, but the key does not follow', async () => {
      const { kubectl } = suite();
      const resolver = await kubectl.waitFor(
        { kind: 'pod', name: RESOLVER, namespace: namespace.name },
        'to be ready',
        (pod) => isReady(pod as Pod) && pod,
      );
      const nameservers = [resolver.status?.podIP];
      const name = 'misled';
      await kubectl.apply(author({ name, spec: { dnsPolicy: 'None', dnsConfig: { nameservers } } }));
      await kubectl.waitFor({ kind: 'pod', name, namespace: namespace.name }, 'to be ready', (pod) =>
        isReady(pod as Pod),
      );
      const body = await shell(use.replace('-o /dev/null', ''), { ...agent, pod: name });
      expect(body).toMatch(/SEKS_UPSTREAM_TLS[\s\S]*502$/);
      const log = await kubectl.run(['logs', RESOLVER, '-n', namespace.name]);
      expect(log).toContain('connected');
      expect(log).not.toContain('received');
    });
  });

  test('S14: heads that never end do not end the sidecar', async () => {
    const { kubectl } = suite();
    const { stdout } = await kubectl.exec(neighbour, ['python3', '-c', FLOOD], { timeoutMs: 60_000 });
    expect(stdout.trim()).toBe('alive');
    // The kubelet's own view comes late, so the pod is used first.
    expect(await shell(use)).toBe('200');
    const pod = await kubectl.get<Pod>('pod', APP, namespace.name);
    expect(pod?.status?.initContainerStatuses?.[0]?.restartCount).toBe(0);
  });
});
