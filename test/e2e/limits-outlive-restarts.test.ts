// A budget of a day is one of the pod, not of the sidecar's process: killing that gives nothing back.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { RUN_MOUNT_PATH } from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, readyAgent, type ChatResult } from '../harness/agent.ts';
import type { Pod, Target } from '../harness/kubectl.ts';
import { nodeProcesses, type NodeProcesses } from '../harness/node-processes.ts';
import { agentPod, credential, IDLE, seksBinding } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { sealSecret } from '../harness/sealing.ts';
import { clusterSuite } from '../harness/suite.ts';

const APP = 'frugal';
const SECRET = 'keys';
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
    const { kubectl, images, stub } = suite();
    [namespace, outside] = await Promise.all([
      ownNamespace(kubectl, 'budget'),
      ownNamespace(kubectl, 'budget-node', { optedIn: false }),
    ]);
    const of = { provider: 'openai', namespace: namespace.name, secret: SECRET, key: 'openai' };
    const credentials = [{ ...credential('openai', SECRET), limits: LIMITS }];
    await kubectl.apply(
      await sealSecret(kubectl, { ...of, plaintext: stub.keys.openai }),
      seksBinding({ name: APP, namespace: namespace.name, app: APP, credentials }),
    );
    await kubectl.apply(
      agentPod({ name: APP, namespace: namespace.name, image: images.agent, command: IDLE }),
    );
    [agent, node] = await Promise.all([
      readyAgent(kubectl, namespace.name, APP),
      nodeProcesses(kubectl, outside.name, images.agent),
    ]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([namespace.remove(), outside.remove()]);
  });

  async function podNow(): Promise<Pod> {
    const pod = await suite().kubectl.get<Pod>('pod', APP, namespace.name);
    if (pod === undefined) throw new Error('the pod is gone');
    return pod;
  }

  const ask = (model: string): Promise<ChatResult> =>
    chat(suite().kubectl, agent, { language: 'node', sdk: 'openai', retries: 0, model });

  test('S7: what was used up before the sidecar was killed is used up afterwards', async () => {
    const { stub } = suite();
    const since = await stub.latestId();
    expect((await ask('first')).text).toBeDefined();
    const spent = { status: 429, message: expect.stringContaining('SEKS_LIMIT_TOKENS') };
    expect((await ask('second')).error).toMatchObject(spent);
    const { uid = '' } = (await podNow()).metadata;
    await waitUntil(
      async () => /"tokens":\{"day":\d+,"spent":[1-9]/.test(await node.readSidecarFile(uid, COUNTS)),
      { what: 'the count on the volume', timeoutMs: 10_000 },
    );
    // Without a chance to write.
    expect(await node.signalSidecar(uid, 'SIGKILL')).toBeDefined();
    const again = await waitUntil(
      async () => {
        const restarts = (await podNow()).status?.initContainerStatuses?.[0]?.restartCount ?? 0;
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
