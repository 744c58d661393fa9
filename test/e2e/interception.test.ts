// Each way between SDK and provider on a real kubelet: base URLs, host aliases with TLS, and the proxy. Real SDKs run in the agent's
// containers with nothing but what was injected, and meet stub providers that take only the real keys, under the real host names.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { CA_BUNDLE_FILE, CA_FILE, interceptableHosts, PUBLIC_MOUNT_PATH, resolveProvider } from '@seks/crds';
import { fingerprint, fingerprintForms } from '../agent/search/fingerprint.ts';
import { waitUntil } from '../cluster/wait-until.ts';
import { environmentOf, podNow, readyAgent, searchContainer } from '../harness/agent.ts';
import { runScenario } from '../harness/agent-scenario.ts';
import { dataKeysOf } from '../harness/data-keys.ts';
import { showFigure } from '../harness/figures.ts';
import type { Target } from '../harness/kubectl.ts';
import { nodeProcesses, type NodeProcesses } from '../harness/node-processes.ts';
import { agentPod, credential, IDLE, seksBinding, type CredentialSpec } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { sealSecret } from '../harness/sealing.ts';
import { startStubInternet, type StubInternet } from '../harness/stub-internet.ts';
import { clusterSuite } from '../harness/suite.ts';
import type { Interception } from '../sdk/row.ts';
import { SDK_ROWS } from '../sdk/rows.ts';
import { mask } from '../upstream/mask.ts';

const APP = 'traveller';
const PROVIDERS = ['telegram', 'github', 'gemini', 'openai'] as const;
/** has the first three, as their providers want it: aliases for two, a base URL for the third */
const AGENT = 'agent';
/** has openai by proxy, and github, whose hosts are aliased and whose clients use the proxy all the same */
const PROXIED = 'proxied';
/** has no credential at all */
const BYSTANDER = 'bystander';

const SCENARIOS: readonly (readonly [scenario: string, mode: Interception, container: string])[] = [
  ['telegram.mjs', 'HostAlias', AGENT],
  ['github.mjs', 'HostAlias', AGENT],
  ['git.sh', 'HostAlias', AGENT],
  ['gemini.mjs', 'BaseURL', AGENT],
  ['gemini.py', 'BaseURL', AGENT],
  ['openai.mjs', 'Proxy', PROXIED],
  ['github.mjs', 'Proxy', PROXIED],
  ['git.sh', 'Proxy', PROXIED],
];
const restartMs = 45_000;

/** each gets an answer of the API by its own means, with its own trust store */
const CLIENTS: readonly (readonly [client: string, command: readonly string[]])[] = [
  ['curl', ['sh', '-c', 'curl -sS --fail "https://api.telegram.org/bot$TELEGRAM_BOT_TOKEN/getMe"']],
  [
    'Python',
    [
      'python3',
      '-c',
      "import os, urllib.request as r; u = 'https://api.telegram.org/bot%s/getMe' % os.environ['TELEGRAM_BOT_TOKEN']; " +
        'print(r.urlopen(u).read().decode())',
    ],
  ],
  [
    'Python’s requests',
    [
      'python3',
      '-c',
      "import os, requests; print(requests.get('https://api.telegram.org/bot' + os.environ['TELEGRAM_BOT_TOKEN'] + '/getMe').text)",
    ],
  ],
  [
    'Node',
    [
      'node',
      '-e',
      "fetch('https://api.telegram.org/bot' + process.env.TELEGRAM_BOT_TOKEN + '/getMe').then(async (a) => console.log(await a.text()))",
    ],
  ],
];

/** asks again and again with one and the same trust store, until standard input ends */
const KEEP_ASKING = `
process.stdin.resume().once('end', () => process.exit(0));
const url = 'https://api.telegram.org/bot' + process.env.TELEGRAM_BOT_TOKEN + '/getMe';
const ask = async () => {
  const answer = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  await answer.arrayBuffer();
  return answer.status;
};
for (;;) {
  const begin = Date.now();
  const status = await ask().catch(() => 0);
  console.log(JSON.stringify({ begin, status }));
  await new Promise((resolve) => setTimeout(resolve, 100));
}`;

clusterSuite('SDKs meet the sidecar in each intercept mode', (suite) => {
  let namespace: OwnNamespace;
  let outside: OwnNamespace;
  let internet: StubInternet;
  let node: NodeProcesses;
  let agent: Target;

  beforeAll(async () => {
    const { kubectl, images } = suite();
    [namespace, outside] = await Promise.all([
      ownNamespace(kubectl, 'intercept'),
      ownNamespace(kubectl, 'internet', { optedIn: false }),
    ]);
    internet = await startStubInternet(kubectl, {
      namespace: outside.name,
      image: images.upstream,
      providers: PROVIDERS,
      nowMs: Date.now(),
    });
    const secrets = await Promise.all(
      PROVIDERS.map((name) =>
        sealSecret(kubectl, {
          provider: internet.providerName(name),
          namespace: namespace.name,
          secret: name,
          key: 'key',
          plaintext: internet.keys[name],
        }),
      ),
    );
    await kubectl.apply(...secrets, binding());
    const container = (name: string): object => ({
      name,
      image: images.agent,
      imagePullPolicy: 'IfNotPresent',
      command: IDLE,
    });
    await kubectl.apply(
      agentPod({
        name: APP,
        namespace: namespace.name,
        image: images.agent,
        pod: { ...internet.podFields, containers: [AGENT, PROXIED, BYSTANDER].map(container) },
      }),
    );
    [agent, node] = await Promise.all([
      readyAgent(kubectl, namespace.name, APP),
      nodeProcesses(kubectl, outside.name, images.agent),
    ]);
  }, 180_000);

  afterAll(async () => {
    await Promise.all([namespace.remove(), outside.remove(), internet.remove()]);
  });

  function binding(): object {
    const of = (name: string, change: Partial<CredentialSpec>): CredentialSpec => ({
      ...credential(internet.providerName(name), name, 'key'),
      name,
      ...change,
    });
    const credentials = [
      of('telegram', { containers: [AGENT] }),
      of('github', { containers: [AGENT, PROXIED] }),
      of('gemini', { containers: [AGENT] }),
      of('openai', { containers: [PROXIED], intercept: ['Proxy'] }),
    ];
    return seksBinding({ name: APP, namespace: namespace.name, app: APP, credentials });
  }

  const inside = (container: string): Target => ({ ...agent, container });

  async function shell(container: string, script: string) {
    return suite().kubectl.exec(inside(container), ['sh', '-c', script]);
  }

  function sidecarLog(): Promise<string> {
    return suite().kubectl.run(['logs', APP, '-n', namespace.name, '-c', 'seks-proxy']);
  }

  test.each(SCENARIOS)('S1, S10: %s by %s', async (scenario, mode, container) => {
    const row = SDK_ROWS.find(
      (one) => one.scenario === scenario && one.throughSidecar.some((run) => run.mode === mode),
    );
    if (row === undefined) throw new Error(`there is no row for ${scenario} by ${mode}`);
    const sinceId = (await internet.requests()).at(-1)?.id ?? 0;
    const wanted = row.throughSidecar.find((run) => run.mode === mode)?.steps ?? row.steps;
    const { steps, exitCode, said } = await runScenario(suite().kubectl, inside(container), scenario, wanted);
    expect(steps.filter(({ ok }) => !ok)).toEqual([]);
    expect({ exitCode, said }).toMatchObject({ exitCode: 0 });
    expect(steps).not.toHaveLength(0);
    const line = (name: string): string => JSON.stringify(steps.find(({ step }) => step === name));
    const ran = (name: string): boolean => steps.some(({ step }) => step === name);
    for (const name of row.deniedSteps?.filter(ran) ?? []) expect(line(name)).toContain('SEKS_');
    for (const name of row.echoSteps?.filter(ran) ?? []) expect(line(name)).toContain('*'.repeat(16));
    for (const name of PROVIDERS) {
      const key = internet.keys[name];
      const bytes = Buffer.from(key);
      for (const form of [key, mask(key), bytes.toString('base64'), bytes.toString('hex')]) {
        expect(said).not.toContain(form);
      }
    }
    const seen = await internet.requests(sinceId);
    showFigure(`${scenario} by ${mode}: ${steps.length} steps, ${seen.length} requests at the providers`);
    expect(seen.some(({ isExpectedKey }) => isExpectedKey)).toBe(true);
    expect(seen.filter((request) => request.credential !== undefined && !request.isExpectedKey)).toEqual([]);
  });

  test.each([AGENT, PROXIED])('S1: a search of the container %s finds no key', async (container) => {
    const { kubectl } = suite();
    const environment = await environmentOf(kubectl, inside(container));
    const dataKeys = await Promise.all(PROVIDERS.map((name) => dataKeysOf(kubectl, namespace.name, name)));
    expect(dataKeys.flat()).toHaveLength(PROVIDERS.length);
    const report = await searchContainer(kubectl, inside(container), [
      ...PROVIDERS.flatMap((name) => fingerprintForms(`${name} key`, Buffer.from(internet.keys[name]))),
      ...dataKeys.flat().flatMap((key, index) => fingerprintForms(`data key ${index}`, key)),
      fingerprint('fake token', Buffer.from(environment['GITHUB_TOKEN'] ?? '')),
    ]);
    expect(report.userId).toBe(0);
    expect(report.hits.filter(({ needle }) => needle !== 'fake token')).toEqual([]);
    expect(report.hits.map(({ place }) => place)).toContain('/proc/1/environ');
    expect(report.mounts.filter((mount) => mount.includes('/seks'))).toEqual(['/run/seks/public (tmpfs)']);
  });

  test('S9: the sidecar’s log holds no key and no token', async () => {
    const environments = await Promise.all(
      [AGENT, PROXIED].map((container) => environmentOf(suite().kubectl, inside(container))),
    );
    const names = ['TELEGRAM_BOT_TOKEN', 'GITHUB_TOKEN', 'GEMINI_API_KEY', 'OPENAI_API_KEY'];
    const tokens = environments.flatMap((environment) => names.flatMap((name) => environment[name] ?? []));
    expect(tokens).toHaveLength(PROVIDERS.length + 1);
    const log = await sidecarLog();
    for (const secret of [...tokens, ...Object.values(internet.keys)]) expect(log).not.toContain(secret);
    const startMs = /"event":"ready".*"startMs":(\d+)/.exec(log)?.[1];
    expect(startMs).toBeDefined();
    showFigure(`sidecar ready ${startMs} ms after its process started, with aliases and proxy`);
  });

  test('the hosts of providers without a base URL lead to the pod itself', async () => {
    const { stdout } = await shell(AGENT, 'cat /etc/hosts');
    const aliased = stdout
      .split('\n')
      .flatMap((line) => (/^127\.0\.0\.1\s/.test(line) ? line.split(/\s+/).slice(1) : []));
    const hosts = ['telegram', 'github'].flatMap((name) =>
      interceptableHosts(resolveProvider(name, () => undefined)),
    );
    expect(hosts).toContain('api.telegram.org');
    expect(aliased).toEqual(expect.arrayContaining(hosts));
    expect(aliased).not.toContain('generativelanguage.googleapis.com');
  });

  describe('the pod’s certificates', () => {
    test.each(CLIENTS)('are trusted by %s', async (_client, command) => {
      const { code, stdout, stderr } = await suite().kubectl.exec(agent, command);
      expect({ code, stdout, stderr }).toMatchObject({
        code: 0,
        stdout: expect.stringContaining('"ok":true'),
      });
    });

    test('can be read by any user, and written by none', async () => {
      const files = [CA_FILE, CA_BUNDLE_FILE].map((file) => `${PUBLIC_MOUNT_PATH}/${file}`);
      const read = await shell(
        AGENT,
        `setpriv --reuid 65534 --regid 65534 --clear-groups cat ${files.join(' ')}`,
      );
      expect(read.stdout).toMatch(/^-----BEGIN CERTIFICATE-----/);
      const write = await shell(AGENT, `echo x > ${files[0]}; touch ${PUBLIC_MOUNT_PATH}/more`);
      expect(write.code).not.toBe(0);
      expect(write.stderr.match(/Read-only file system/g)).toHaveLength(2);
    });
  });

  describe('a container without the credential', () => {
    test('S4: reaches the sidecar at an aliased host, and is refused', async () => {
      const script = 'curl -sSk -i https://api.telegram.org/bot1234567890:AAsomethingelse/getMe';
      const { stdout } = await shell(BYSTANDER, script);
      expect(stdout).toMatch(/^HTTP\/[\d.]+ 40[13]/);
      expect(stdout).toMatch(/x-seks-error: SEKS_\w+/);
    });

    test('is given no variables, no certificates and no proxy', async () => {
      const environment = await environmentOf(suite().kubectl, inside(BYSTANDER));
      const given = Object.entries(environment).filter(
        ([name, value]) => /TOKEN|KEY|PROXY|CERT|CA_/i.test(name) || value.includes('seks'),
      );
      expect(given).toEqual([]);
      const { code, stderr } = await shell(BYSTANDER, 'curl -sS https://api.telegram.org/');
      expect({ code, stderr }).toEqual({ code: 60, stderr: expect.stringContaining('certificate') });
      expect((await shell(BYSTANDER, 'ls /run/seks')).code).not.toBe(0);
    });
  });

  test('a sidecar that was killed comes back with the same certificates, and the agent goes on', async () => {
    const { kubectl } = suite();
    const certificates = async (): Promise<string> =>
      (await shell(AGENT, `cat ${PUBLIC_MOUNT_PATH}/${CA_FILE}`)).stdout;
    const before = await certificates();
    const results: { begin: number; status: number }[] = [];
    const command = ['node', '--input-type=module', '-e', KEEP_ASKING];
    const loop = kubectl.follow(
      ['exec', '-i', '-n', namespace.name, APP, '-c', AGENT, '--', ...command],
      (line) => results.push(JSON.parse(line) as (typeof results)[number]),
    );
    try {
      await waitUntil(() => results.some(({ status }) => status === 200), {
        what: 'the first answer',
        timeoutMs: 20_000,
      });
      const { metadata } = await podNow(kubectl, agent);
      expect(await node.signalSidecar(metadata.uid ?? '', 'SIGKILL')).toBeDefined();
      await waitUntil(
        async () =>
          ((await podNow(kubectl, agent)).status?.initContainerStatuses?.[0]?.restartCount ?? 0) > 0,
        { what: 'the restart of the sidecar', timeoutMs: restartMs, intervalMs: 200 },
      );
      const restartedMs = Date.now();
      await waitUntil(() => results.some(({ begin, status }) => begin > restartedMs && status === 200), {
        what: `an answer after the restart; the latest are ${JSON.stringify(results.slice(-3))}`,
        timeoutMs: restartMs,
      });
    } finally {
      await loop.stop();
    }
    expect(results.filter(({ status }) => status !== 200 && status !== 0)).toEqual([]);
    expect(before).toMatch(/^-----BEGIN CERTIFICATE-----/);
    expect(await certificates()).toBe(before);
  });
});
