// S3: the injection seal of an older pod is worth nothing in a new one. The older pod is the agent that all files share, as
// growing old takes two minutes.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_INJECTED, LABEL_INJECTION } from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat } from '../harness/agent.ts';
import type { Pod, Target } from '../harness/kubectl.ts';
import { optedInNamespace } from '../harness/objects.ts';
import { lastWordsOf, refusalOfPod, replay } from '../harness/replay.ts';
import { everydayAgent } from '../harness/scenario.ts';
import { clusterSuite, NAMESPACE } from '../harness/suite.ts';

const COPY = 'e2eb-replayed';
/** beyond that between seal and creation the key service refuses; the webhook at half of it */
const SEAL_LIMIT_MS = 120_000;

clusterSuite('the seal of an older pod', (suite) => {
  let agent: Target;
  let copy: object;

  beforeAll(async () => {
    const { kubectl } = suite();
    agent = await everydayAgent(suite());
    const donor = await kubectl.get<Pod>('pod', agent.pod, NAMESPACE);
    if (donor === undefined) throw new Error(`pod ${agent.pod} is gone`);
    // Other files look for the agent by its label; the seal does not depend on it.
    const labels = { app: COPY, [LABEL_INJECTED]: 'true' };
    const copied = replay(donor, { name: COPY, namespace: NAMESPACE });
    copy = { ...copied, metadata: { ...copied.metadata, labels } };
    const oldMs = Date.parse(donor.metadata.creationTimestamp ?? '') + SEAL_LIMIT_MS + 5_000;
    await waitUntil(() => Date.now() >= oldMs, {
      what: 'the seal to be old',
      timeoutMs: SEAL_LIMIT_MS + 10_000,
      intervalMs: 500,
    });
  }, 240_000);

  afterAll(async () => {
    const { kubectl } = suite();
    await kubectl.apply(optedInNamespace(NAMESPACE));
    await kubectl.delete('pod', [COPY], NAMESPACE);
  }, 60_000);

  test('S3: is refused at admission', async () => {
    expect(await refusalOfPod(suite().kubectl, copy)).toMatch(/SEKS_INJECT_SEAL_STALE: .*earlier pod/);
  });

  test('S3: gets no lease where admission is bypassed', async () => {
    const { kubectl } = suite();
    // The webhook is not asked any more, and the copy differs from what was sealed in its age alone.
    await kubectl.run(['label', 'namespace', NAMESPACE, `${LABEL_INJECTION}-`]);
    expect(await refusalOfPod(kubectl, copy)).toBe('');
    expect(await lastWordsOf(kubectl, COPY, NAMESPACE)).toMatch(
      /^SEKS_LEASE_POD_NOT_SEALED: .*metadata\.creationTimestamp/,
    );
    // The pod that the seal was made for goes on.
    expect((await chat(kubectl, agent, { language: 'node', sdk: 'openai' })).error).toBeUndefined();
  });
});
