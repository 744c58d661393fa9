// S7 and S14 at a real API server: while no operator runs, nothing starts that should have a sidecar, and nothing else suffers.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SYSTEM_NAMESPACE, waitUntilReady } from '../harness/install.ts';
import type { CommandResult } from '../cluster/command.ts';
import { agentPod } from '../harness/objects.ts';
import { clusterSuite, NAMESPACE, PLAIN_NAMESPACE } from '../harness/suite.ts';

clusterSuite('while the operator is down', (suite) => {
  beforeAll(async () => {
    await scale(0);
    const pods = ['pods', '-n', SYSTEM_NAMESPACE, '-l', 'app.kubernetes.io/component=operator'];
    await suite().kubectl.run(['wait', ...pods, '--for=delete', '--timeout=60s'], { timeoutMs: 70_000 });
  }, 90_000);
  afterAll(async () => {
    await scale(1);
    await waitUntilReady(suite().access);
  }, 90_000);

  async function scale(replicas: number): Promise<void> {
    const of = ['deployment/seks-operator', '-n', SYSTEM_NAMESPACE];
    await suite().kubectl.run(['scale', ...of, `--replicas=${replicas}`]);
  }

  function create(namespace: string, labels: Record<string, string>): Promise<CommandResult> {
    const pod = agentPod({ name: 'sample', namespace, labels, image: suite().images.agent });
    return suite().kubectl.attempt(['create', '--dry-run=server', '-f', '-'], { input: JSON.stringify(pod) });
  }

  test.each([
    ['that asks for injection', { app: 'sample', 'seks.ai/inject': 'true' }],
    ['that might be selected by a binding', { app: 'sample' }],
  ])('S7: an opted-in namespace gets no pod %s', async (_what, labels) => {
    const { code, stderr } = await create(NAMESPACE, labels);
    expect(code).not.toBe(0);
    expect(stderr).toContain('failed calling webhook "inject.seks.ai"');
  });

  test('other namespaces get their pods', async () => {
    expect(await create(PLAIN_NAMESPACE, { app: 'sample' })).toMatchObject({ code: 0 });
  });

  test('S14: not even there does a pod that asks for injection start bare', async () => {
    const { stderr } = await create(PLAIN_NAMESPACE, { 'seks.ai/inject': 'true' });
    expect(stderr).toContain('SEKS_INJECT_NO_BINDING');
  });
});
