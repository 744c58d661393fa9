// S14: no sidecar, no traffic. A sidecar that dies again and again means refused connections, never a request past it; and
// what is under way when it is told to end is finished first.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, followLoop, podNow, type LoopResult } from '../harness/agent.ts';
import type { ContainerStatus, Pod, Target } from '../harness/kubectl.ts';
import { nodeProcesses, type NodeProcesses } from '../harness/node-processes.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { podOf, prepareAgent, startAgent, type AgentSetup } from '../harness/scenario.ts';
import { clusterSuite } from '../harness/suite.ts';
import type { SeenRequest } from '../upstream/record.ts';

/** the kubelet waits 0, 10 and 20 s before it starts a crashing container again */
const KILLS = 3;
const restartMs = 45_000;
/** 6 s long: enough to see a request at the provider and to end the sidecar before the stream does */
const STREAM = { model: 'slow.60.100', pieces: 60 };
const STREAMED = Array.from({ length: STREAM.pieces }, (_, index) => `${index + 1} `).join('');

clusterSuite('without a sidecar there is no way to the provider', (suite) => {
  let namespace: OwnNamespace;
  let outside: OwnNamespace;
  let node: NodeProcesses;
  let agent: Target;
  let leaving: AgentSetup;

  beforeAll(async () => {
    const { kubectl, images } = suite();
    [namespace, outside] = await Promise.all([
      ownNamespace(kubectl, 's14'),
      ownNamespace(kubectl, 's14-node', { optedIn: false }),
    ]);
    leaving = {
      app: 'leaving',
      namespace: namespace.name,
      pod: {
        // As the container's first process it gets SIGTERM and goes on, like any agent that finishes its work.
        command: ['node', 'chat.mjs', 'openai', '--stream', '--model', STREAM.model],
        pod: { terminationGracePeriodSeconds: 30 },
      },
    };
    [agent, node] = await Promise.all([
      startAgent(suite(), { app: 'steady', namespace: namespace.name }),
      nodeProcesses(kubectl, outside.name, images.agent),
      prepareAgent(suite(), leaving),
    ]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([namespace.remove(), outside.remove()]);
  });

  const agentNow = (): Promise<Pod> => podNow(suite().kubectl, agent);

  const sidecarOf = (pod: Pod): ContainerStatus | undefined =>
    pod.status?.initContainerStatuses?.find(({ name }) => name === 'seks-proxy');

  async function signal(name: 'SIGKILL' | 'SIGTERM'): Promise<number> {
    const { metadata } = await agentNow();
    const pid = await node.signalSidecar(metadata.uid ?? '', name);
    if (pid === undefined) throw new Error('the sidecar has no process on this node');
    return pid;
  }

  async function seenWith(model: string, since: number): Promise<SeenRequest[]> {
    return (await suite().stub.requests(since)).filter((request) => request.model === model);
  }

  /** starts a stream, and resolves once the provider has its request */
  async function startStream(
    target: Target,
    since: number,
  ): Promise<{ readonly result: ReturnType<typeof chat> }> {
    const request = { language: 'node', sdk: 'openai', stream: true, retries: 0 } as const;
    const result = chat(suite().kubectl, target, { ...request, model: STREAM.model });
    await waitUntil(async () => (await seenWith(STREAM.model, since)).length > 0, {
      what: 'the stream’s request at the provider',
      timeoutMs: 20_000,
    });
    return { result };
  }

  test('S14: killed again and again, the sidecar is missed but never gone past, and it recovers by itself', async () => {
    const { kubectl, stub } = suite();
    const model = 's14-killed';
    const since = await stub.latestId();
    const results: LoopResult[] = [];
    const killedMs: number[] = [];
    const answered = (after: number): LoopResult | undefined =>
      results.find(({ begin, status }) => begin > after && status === 200);
    const loop = followLoop(kubectl, agent, ['--interval', '10', '--model', model], (result) =>
      results.push(result),
    );
    try {
      for (let kill = 1; kill <= KILLS; kill++) {
        await waitUntil(() => answered(killedMs.at(-1) ?? 0), {
          what: `an answer before kill ${kill}; the latest results are ${JSON.stringify(results.slice(-3))}`,
          timeoutMs: restartMs,
        });
        await signal('SIGKILL');
        killedMs.push(Date.now());
        await waitUntil(() => sidecarRestarts().then((count) => count >= kill), {
          what: `restart ${kill} of the sidecar`,
          timeoutMs: restartMs,
          intervalMs: 200,
        });
      }
      await waitUntil(() => answered(killedMs.at(-1) ?? 0), {
        what: 'an answer after the last kill',
        timeoutMs: restartMs,
      });
    } finally {
      await loop.stop();
    }
    const count = (status: number): number => results.filter((one) => one.status === status).length;
    const codes = [...new Set(results.filter(({ status }) => status !== 200).map(({ code }) => code))];
    console.log(
      `${KILLS} kills in ${results.length} requests: ${count(200)} answered, ${count(0)} without connection (${codes.join(', ')})`,
    );
    // Each kill was noticed, and nothing but an answer or a broken connection came of it: no 401 of the provider.
    for (const atMs of killedMs) {
      expect(results.some(({ end, status }) => status === 0 && end > atMs - 2_000)).toBe(true);
    }
    expect(results.filter(({ status }) => status !== 200 && status !== 0)).toEqual([]);
    expect(codes).toContain('ECONNREFUSED');
    const seen = await seenWith(model, since);
    expect(seen.length).toBeGreaterThanOrEqual(count(200));
    expect(seen.filter(({ isExpectedKey, isFakeToken }) => !isExpectedKey || isFakeToken)).toEqual([]);
    // The agent itself ran on all the time.
    const [container] = (await agentNow()).status?.containerStatuses ?? [];
    expect(container).toMatchObject({ name: 'agent', restartCount: 0 });
  });

  async function sidecarRestarts(): Promise<number> {
    return sidecarOf(await agentNow())?.restartCount ?? 0;
  }

  test('S14: on SIGTERM the sidecar takes no more requests, finishes its stream, and ends with 0', async () => {
    const { kubectl, stub } = suite();
    const since = await stub.latestId();
    const restarts = await sidecarRestarts();
    const { result } = await startStream(agent, since);
    await signal('SIGTERM');
    const late = await chat(kubectl, agent, { language: 'node', sdk: 'openai', retries: 0, model: 'late' });
    expect(late.error).toMatchObject({ name: 'Error' });
    expect(late.error?.status ?? undefined).toBeUndefined();
    expect(await seenWith('late', since)).toEqual([]);
    // A node that shuts down may send it twice.
    await signal('SIGTERM');
    // role, one chunk for each piece, and the end
    expect(await result).toMatchObject({ text: STREAMED, chunks: STREAM.pieces + 2 });
    const ended = await waitUntil(
      async () => {
        const status = sidecarOf(await agentNow());
        return (status?.restartCount ?? 0) > restarts || status?.state?.terminated !== undefined
          ? (status?.state?.terminated ?? status?.lastState?.terminated)
          : undefined;
      },
      { what: 'the end of the sidecar', timeoutMs: 20_000, intervalMs: 200 },
    );
    expect(ended).toMatchObject({ exitCode: 0 });
  });

  test('S14: an agent that is streaming when its pod is deleted gets its whole answer', async () => {
    const { kubectl, stub } = suite();
    const since = await stub.latestId();
    const name = leaving.app;
    await kubectl.apply(podOf(suite(), leaving));
    await waitUntil(async () => (await seenWith(STREAM.model, since)).length > 0, {
      what: 'the request of the agent that will leave',
      timeoutMs: 30_000,
    });
    // The kubelet tells of the container a moment after it runs; before that there is no log to follow.
    await kubectl.waitFor({ kind: 'pod', name, namespace: namespace.name }, 'to be known to run', (pod) =>
      pod.status?.containerStatuses?.some(({ state }) => state?.running !== undefined),
    );
    const lines: string[] = [];
    const log = kubectl.follow(['logs', '-f', '-n', namespace.name, name, '-c', 'agent'], (line) =>
      lines.push(line),
    );
    try {
      const startMs = Date.now();
      await kubectl.delete('pod', [name], namespace.name);
      console.log(`the pod was gone ${Date.now() - startMs} ms after it was deleted`);
      await log.ended;
    } finally {
      await log.stop();
    }
    expect(lines.map((line) => JSON.parse(line) as unknown)).toMatchObject([
      { stream: true, text: STREAMED, chunks: STREAM.pieces + 2 },
    ]);
    expect(await seenWith(STREAM.model, since)).toMatchObject([{ isExpectedKey: true }]);
  });
});
