// S12 on a real kubelet: revocation stops a running agent within a second, and only its own binding.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, followLoop, type LoopResult } from '../harness/agent.ts';
import type { Target } from '../harness/kubectl.ts';
import { prepareAgent, removeAgent, startAgent } from '../harness/scenario.ts';
import { showFigure } from '../harness/figures.ts';
import { clusterSuite, NAMESPACE } from '../harness/suite.ts';
import { measureSuspend } from '../harness/suspend.ts';

const LIMIT_MS = 1_000;
const ask = { language: 'node', sdk: 'openai', retries: 0 } as const;

clusterSuite('revocation stops use', (suite) => {
  let agent: Target;
  beforeAll(async () => {
    agent = await startAgent(suite(), { app: 'suspended' });
  });
  afterAll(() => removeAgent(suite(), 'suspended'));

  /** lifts what an earlier test left, and waits until the agent gets answers again */
  async function works(): Promise<void> {
    await patch({ suspend: false, expiresAt: null });
    await waitUntil(async () => (await chat(suite().kubectl, agent, ask)).error === undefined, {
      what: 'the agent to be answered again',
      timeoutMs: 20_000,
    });
  }

  async function patch(spec: object): Promise<void> {
    await suite().kubectl.patch('seksbinding', 'suspended', NAMESPACE, { spec });
  }

  /** ms from the end of `change` to the first answer that is no success, and its code */
  async function timeToRefusal(
    change: () => Promise<void>,
  ): Promise<{ ms: number; code: string | undefined }> {
    const results: LoopResult[] = [];
    const loop = followLoop(suite().kubectl, agent, ['--interval', '5'], (result) => results.push(result));
    try {
      await waitUntil(() => results.length > 10, { what: 'the first requests', timeoutMs: 20_000 });
      expect(results.filter(({ status }) => status !== 200)).toEqual([]);
      await change();
      const changedMs = Date.now();
      // A request that is under way when the right to use the key ends has its connection cut; the next one is told why.
      const refused = await waitUntil(() => results.find(({ status }) => status >= 400), {
        what: 'a refusal',
        timeoutMs: 30_000,
        intervalMs: 10,
      });
      return { ms: Math.max(0, refused.end - changedMs), code: refused.code };
    } finally {
      await loop.stop();
    }
  }

  test('S12: suspend stops use within a second, and lifting it brings it back without a restart', async () => {
    const { kubectl, stub } = suite();
    const measured: number[] = [];
    for (let round = 0; round < 3; round++) {
      await works();
      const seen = await measureSuspend(kubectl, agent, 'suspended');
      expect(seen).toMatchObject({ code: 'SEKS_BINDING_SUSPENDED', answeredAfterwards: 0 });
      measured.push(seen.afterPatchMs);
      const probe = { ...ask, model: `suspended-${round}` };
      expect((await chat(kubectl, agent, probe)).error).toMatchObject({ status: 403 });
      expect((await stub.requests()).filter(({ model }) => model === probe.model)).toEqual([]);
    }
    showFigure(`suspend to first 403, after kubectl patch returned: ${measured.join(', ')} ms`);
    expect(Math.max(...measured)).toBeLessThanOrEqual(LIMIT_MS);
    await works();
  });

  test('S12: expiry stops use at its time', async () => {
    await works();
    const expiresAtMs = Math.ceil(Date.now() / 1000) * 1000 + 4_000;
    const results: LoopResult[] = [];
    const loop = followLoop(suite().kubectl, agent, ['--interval', '20'], (result) => results.push(result));
    try {
      await patch({ expiresAt: new Date(expiresAtMs).toISOString().replace('.000', '') });
      const refused = await waitUntil(() => results.find(({ status }) => status >= 400), {
        what: 'the binding to expire',
        timeoutMs: 20_000,
      });
      showFigure(`expiry to first 403: ${refused.end - expiresAtMs} ms`);
      expect(refused.code).toBe('SEKS_BINDING_EXPIRED');
      expect(refused.end).toBeGreaterThanOrEqual(expiresAtMs);
      expect(refused.end - expiresAtMs).toBeLessThanOrEqual(LIMIT_MS);
    } finally {
      await loop.stop();
    }
  });

  test('S12: deleting the binding stops use within a second', async () => {
    await works();
    const { ms, code } = await timeToRefusal(async () => {
      await suite().kubectl.delete('seksbinding', ['suspended'], NAMESPACE);
    });
    showFigure(`deletion to first 403: ${ms} ms`);
    expect(code).toBe('SEKS_BINDING_DELETED');
    expect(ms).toBeLessThanOrEqual(LIMIT_MS);
    // A binding of the same name is another one: the pod was not injected for it.
    await prepareAgent(suite(), { app: 'suspended' });
    expect((await chat(suite().kubectl, agent, ask)).error).toMatchObject({ status: 403 });
  });
});
