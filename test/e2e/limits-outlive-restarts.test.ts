// A budget of a day is one of the pod, not of the sidecar's process: killing that gives nothing back.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RUN_MOUNT_PATH } from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, podNow, type ChatResult } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { nodeProcesses, type NodeProcesses } from '../harness/node-processes.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { startAgent } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';

const COUNTS = `${RUN_MOUNT_PATH}/counts.json`;
const restartMs = 45_000;
/** any answer uses more than that */
const LIMITS = { tokensPerDay: 1 };

clusterSuite('a budget outlives the sidecar’s process', (suite) => {
  let namespace: OwnNamespace;
  let outside: OwnNamespace;
  let node: NodeProcesses;
  let agent: Target;

  beforeAll(async () => {
    const { kubectl, images } = suite();
    [namespace, outside] = await Promise.all([
      ownNamespace(kubectl, 'budget'),
      ownNamespace(kubectl, 'budget-node', { optedIn: false }),
    ]);
    [agent, node] = await Promise.all([
      startAgent(suite(), { app: 'frugal', namespace: namespace.name, credential: { limits: LIMITS } }),
      nodeProcesses(kubectl, outside.name, images.agent),
    ]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([namespace.remove(), outside.remove()]);
  });

  const ask = (model: string): Promise<ChatResult> =>
    chat(suite().kubectl, agent, { language: 'node', sdk: 'openai', retries: 0, model });

  test('S7: what was used up before the sidecar was killed is used up afterwards', async () => {
    const { kubectl, stub } = suite();
    const since = await stub.latestId();
    expect((await ask('first')).text).toBeDefined();
    const spent = { status: 429, message: expect.stringContaining('SEKS_LIMIT_TOKENS') };
    expect((await ask('second')).error).toMatchObject(spent);
    const { uid = '' } = (await podNow(kubectl, agent)).metadata;
    await waitUntil(
      async () => /"tokens":\{"day":\d+,"spent":[1-9]/.test(await node.readSidecarFile(uid, COUNTS)),
      { what: 'the count on the volume', timeoutMs: 10_000 },
    );
    // Without a chance to write.
    expect(await node.signalSidecar(uid, 'SIGKILL')).toBeDefined();
    const again = await waitUntil(
      async () => {
        const restarts = (await podNow(kubectl, agent)).status?.initContainerStatuses?.[0]?.restartCount ?? 0;
        if (restarts === 0) return undefined;
        const { error } = await ask('third');
        // Not listening yet.
        return error?.status === undefined || error.status === null ? undefined : error;
      },
      { what: 'an answer of the restarted sidecar', timeoutMs: restartMs, intervalMs: 200 },
    );
    expect(again).toMatchObject(spent);
    const models = (await stub.requests(since)).map(({ model }) => model);
    expect(models.filter((model) => ['first', 'second', 'third'].includes(model ?? ''))).toEqual(['first']);
  });
});
