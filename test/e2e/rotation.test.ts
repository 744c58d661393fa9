// A key is replaced, deleted and brought back while the agent runs: nothing restarts, and the sidecar follows the kubelet.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, podNow, type ChatResult } from '../harness/agent.ts';
import type { Condition, Pod, Target } from '../harness/kubectl.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { secretOf, startAgent } from '../harness/scenario.ts';
import { sealSecret } from '../harness/sealing.ts';
import { makeRealKeys } from '../harness/stub-provider.ts';
import { clusterSuite } from '../harness/suite.ts';
import type { SeenRequest } from '../upstream/record.ts';
import { mask } from '../upstream/mask.ts';

const APP = 'rotating';
const SECRET = secretOf(APP);
/** the kubelet looks at an annotated pod at once; the sidecar looks at its files each second */
const limitMs = 60_000;

clusterSuite('rotation without a restart', (suite) => {
  let namespace: OwnNamespace;
  let agent: Target;
  let before: Pod;
  let resyncs = 0;

  beforeAll(async () => {
    const { kubectl } = suite();
    namespace = await ownNamespace(kubectl, 'rotation');
    agent = await startAgent(suite(), { app: APP, namespace: namespace.name, providers: ['groq'] });
    before = await podNow(kubectl, agent);
  }, 120_000);

  afterAll(async () => {
    const { stub } = suite();
    await stub.replaceKey('groq', stub.keys.groq);
    await namespace.remove();
  });

  async function seal(plaintext: string): Promise<void> {
    const { kubectl } = suite();
    const of = { provider: 'groq', namespace: namespace.name, secret: SECRET, key: 'groq' };
    await kubectl.apply(await sealSecret(kubectl, { ...of, plaintext }));
  }

  /** makes the kubelet look at the pod's volumes now instead of within its minute */
  async function resync(): Promise<void> {
    const value = `example.com/resync=${++resyncs}`;
    await suite().kubectl.run(['annotate', 'pod', APP, '-n', namespace.name, '--overwrite', value]);
  }

  async function ask(): Promise<ChatResult & { readonly seen: readonly SeenRequest[] }> {
    const { kubectl, stub } = suite();
    const latest = await stub.latestId();
    const result = await chat(kubectl, agent, { language: 'node', sdk: 'groq', retries: 0 });
    // Agents of other files use other providers.
    return { ...result, seen: (await stub.requests(latest)).filter(({ provider }) => provider === 'groq') };
  }

  /** asks until `condition` holds for the answer; shows the last answer when it never does */
  async function untilAnswer(
    what: string,
    condition: (result: Awaited<ReturnType<typeof ask>>) => boolean,
  ): Promise<Awaited<ReturnType<typeof ask>>> {
    return waitUntil(
      async () => {
        const result = await ask();
        if (condition(result)) return result;
        throw new Error(`last answer: ${JSON.stringify(result)}`);
      },
      { what, timeoutMs: limitMs, intervalMs: 250 },
    );
  }

  function readyCondition(status: string, reason: string): Promise<Condition> {
    return suite().kubectl.waitFor(
      { kind: 'seksbinding', name: APP, namespace: namespace.name },
      `to be Ready=${status} with reason ${reason}`,
      (binding) =>
        binding.status?.conditions?.find(
          (one) => one.type === 'Ready' && one.status === status && one.reason === reason,
        ),
    );
  }

  /** the same pod, and not one of its containers started again */
  async function nothingRestarted(): Promise<void> {
    const now = await podNow(suite().kubectl, agent);
    expect(now.metadata.uid).toBe(before.metadata.uid);
    const containers = [
      ...(now.status?.initContainerStatuses ?? []),
      ...(now.status?.containerStatuses ?? []),
    ];
    expect(containers.map(({ name, restartCount }) => [name, restartCount])).toEqual([
      ['seks-proxy', 0],
      ['agent', 0],
    ]);
  }

  test('a key sealed into the same Secret reaches the provider from the running sidecar', async () => {
    const { stub } = suite();
    const first = await ask();
    expect(first.error).toBeUndefined();
    expect(first.seen).toMatchObject([{ credential: mask(stub.keys.groq), isExpectedKey: true }]);

    const next = makeRealKeys().groq;
    await seal(next);
    await stub.replaceKey('groq', next);
    const startMs = Date.now();
    await resync();
    const { seen } = await untilAnswer('the new key to be used', ({ error }) => error === undefined);
    console.log(`from the new Secret to an answer with the new key: ${Date.now() - startMs} ms`);
    expect(seen).toMatchObject([{ credential: mask(next), isExpectedKey: true, isFakeToken: false }]);
    await nothingRestarted();
  });

  test('S7: without its Secret the credential is refused, although the key was in memory', async () => {
    await suite().kubectl.delete('secret', [SECRET], namespace.name);
    const startMs = Date.now();
    await resync();
    const { error, seen } = await untilAnswer('a refusal', (result) => result.error !== undefined);
    console.log(`from the deleted Secret to the refusal: ${Date.now() - startMs} ms`);
    expect(error?.status).toBe(503);
    expect(error?.message).toContain('SEKS_SECRET_MISSING');
    expect(seen).toEqual([]);
    expect((await readyCondition('False', 'SecretMissing')).message).toContain(SECRET);
    await nothingRestarted();
  });

  test('a Secret that is made again heals the agent and its binding', async () => {
    const { stub } = suite();
    const again = makeRealKeys().groq;
    await stub.replaceKey('groq', again);
    await seal(again);
    await resync();
    const { seen } = await untilAnswer('the agent to be answered again', ({ error }) => error === undefined);
    expect(seen).toMatchObject([{ credential: mask(again), isExpectedKey: true }]);
    await readyCondition('True', 'Ready');
    await nothingRestarted();
  });
});
