// S1 and S2 on a real kubelet: root of the agent's container looks everywhere and finds neither a provider key, nor a data
// key, nor a token for the Kubernetes API.
import { beforeAll, describe, expect, test } from '@jest/globals';
import { fingerprint, fingerprintForms } from '../agent/search/fingerprint.ts';
import type { SearchReport } from '../agent/search/report.ts';
import { environmentOf, searchContainer } from '../harness/agent.ts';
import { dataKeysOf, kmsPrivateKeys } from '../harness/data-keys.ts';
import type { Target } from '../harness/kubectl.ts';
import { everydayAgent, secretOf } from '../harness/scenario.ts';
import { showFigure } from '../harness/figures.ts';
import { clusterSuite, NAMESPACE } from '../harness/suite.ts';
import { CHAT_PROVIDERS } from '../upstream/provider-stub.ts';

clusterSuite('agents never have keys', (suite) => {
  let agent: Target;
  beforeAll(async () => {
    agent = await everydayAgent(suite());
  });

  describe('a search of the whole container as root', () => {
    let report: SearchReport;
    beforeAll(async () => {
      const { kubectl, stub } = suite();
      const environment = await environmentOf(kubectl, agent);
      const dataKeys = await dataKeysOf(kubectl, NAMESPACE, secretOf('everyday'));
      expect(dataKeys).toHaveLength(CHAT_PROVIDERS.length);
      report = await searchContainer(kubectl, agent, [
        ...CHAT_PROVIDERS.flatMap((name) => fingerprintForms(`${name} key`, Buffer.from(stub.keys[name]))),
        ...dataKeys.flatMap((key, index) => fingerprintForms(`data key ${index}`, key)),
        ...(await kmsPrivateKeys(kubectl)).flatMap((der) => fingerprintForms('KMS private key', der)),
        fingerprint('fake token', Buffer.from(environment['OPENAI_API_KEY'] ?? '')),
      ]);
    });

    test('S1: covers files, environments, command lines and memory', () => {
      const { files, processes, userId, durationMs } = report;
      showFigure(
        `searched as user ${userId} in ${durationMs} ms: ${files.files} files (${files.bytes} bytes), ` +
          `${processes.procFiles} files of /proc, ${processes.memoryBytes} bytes of memory of ` +
          `${processes.searched.length} processes, ${report.mounts.length} mounts; ` +
          `not readable: ${[...files.unreadable, ...processes.unreadable].join(', ') || 'nothing'}`,
      );
      expect(userId).toBe(0);
      expect(files.files).toBeGreaterThan(10_000);
      expect(processes.searched).toContain('node loop.mjs');
      expect(processes.memoryBytes).toBeGreaterThan(50_000_000);
      // What the agent does have is found in all three kinds of places, so the search sees what there is.
      const places = report.hits.filter(({ needle }) => needle === 'fake token').map(({ place }) => place);
      expect(places).toContain('/proc/1/environ');
      expect(places.join('\n')).toContain('memory of process');
    });

    test('S1: no file, environment or process holds a provider key or a data key', () => {
      expect(report.hits.filter(({ needle }) => needle !== 'fake token')).toEqual([]);
    });

    test('S2: no volume of Kubernetes tokens and none of sealed Secrets is mounted', () => {
      const text = report.mounts.join('\n');
      expect(text).not.toContain('/var/run/secrets');
      expect(text).not.toContain('/run/secrets');
      expect(text).not.toContain('seks-private');
      // Certificates, which are public.
      expect(report.mounts.filter((mount) => mount.includes('/seks'))).toEqual(['/run/seks/public (tmpfs)']);
    });
  });

  test.each([
    ['nobody', ''],
    ['the fake token', '$OPENAI_API_KEY'],
  ])('S2: the API server refuses the agent as %s', async (_who, token) => {
    const { kubectl } = suite();
    const url = `https://kubernetes.default.svc/api/v1/namespaces/${NAMESPACE}/secrets`;
    const header = token === '' ? '' : `-H "authorization: Bearer ${token}"`;
    const script = `curl -sk -o /dev/null -w '%{http_code}' ${header} ${url}`;
    const { stdout } = await kubectl.exec(agent, ['sh', '-c', script]);
    expect(['401', '403']).toContain(stdout);
  });

  test('S1: the pod as the API server shows it holds no key in any field', async () => {
    const { kubectl, stub } = suite();
    const everything = await kubectl.run([
      'get',
      'pods,secrets,configmaps,events,seksbindings',
      '-n',
      NAMESPACE,
      '-o',
      'json',
    ]);
    for (const name of CHAT_PROVIDERS) {
      expect(everything).not.toContain(stub.keys[name]);
      expect(everything).not.toContain(Buffer.from(stub.keys[name]).toString('base64'));
    }
  });

  test('S9: the logs of the sidecar, the operator and the key service hold no key and no token', async () => {
    const { kubectl, stub } = suite();
    const environment = await environmentOf(kubectl, agent);
    const logs = await Promise.all([
      kubectl.run(['logs', agent.pod, '-n', NAMESPACE, '-c', 'seks-proxy']),
      kubectl.run(['logs', 'deployment/seks-operator', '-n', 'seks-system']),
      kubectl.run(['logs', 'deployment/seks-keyservice', '-n', 'seks-system']),
    ]);
    const text = logs.join('\n');
    expect(text).toContain('"event"');
    for (const secret of [...Object.values(stub.keys), environment['OPENAI_API_KEY'] ?? '?']) {
      expect(text).not.toContain(secret);
    }
  });
});
