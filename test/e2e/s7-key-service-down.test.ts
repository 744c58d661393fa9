// S7: without the key service nothing starts, and what runs stops when its lease ends; both say why, and both go on by
// themselves when it is back. The chart is installed with a short lease; the 120 s of a start are real.
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { LABEL_INJECTION } from '@seks/crds';
import { waitUntil } from '../cluster/wait-until.ts';
import { chat, followLoop, sidecarMetrics, type LoopResult } from '../harness/agent.ts';
import { DEPLOYMENTS, SYSTEM_NAMESPACE } from '../harness/install.ts';
import type { ContainerStatus, Follower, Pod, Target } from '../harness/kubectl.ts';
import { metricSum } from '../harness/metrics.ts';
import { IDLE } from '../harness/objects.ts';
import { ownNamespace, type OwnNamespace } from '../harness/own-namespace.ts';
import { lastWordsOf, refusalOfPod, replay } from '../harness/replay.ts';
import { podOf, startAgent, type AgentSetup } from '../harness/scenario.ts';
import { clusterSuite, LEASE_TTL_SECONDS } from '../harness/suite.ts';

const KEY_SERVICE = DEPLOYMENTS[1];
const APP = 's7';
const RUNNING = 'running';
const LATE = 'late';
const LATE_MODEL = 's7-late';
/** how long a sidecar waits for its first lease */
const START_LIMIT_MS = 120_000;
/** beyond that between seal and creation the key service refuses; the webhook at half of it */
const SEAL_LIMIT_MS = 120_000;
/** between one request of the loop and the next, and what a busy machine adds */
const SLACK_MS = 2_000;

interface Ended {
  readonly exitCode: number;
  readonly message?: string;
  readonly startedAt: string;
  readonly finishedAt: string;
}

clusterSuite('the key service is down', (suite) => {
  let namespace: OwnNamespace;
  let running: Target;
  let loop: Follower | undefined;
  let isDown = false;
  /** when the running pod's lease ends, in ms since 1970, by its own metric */
  let leaseEndMs: number;
  const results: LoopResult[] = [];
  /** the provider's latest request before those of the late agent */
  let before: number;

  beforeAll(async () => {
    const { kubectl, stub } = suite();
    namespace = await ownNamespace(kubectl, 's7');
    running = await startAgent(suite(), ofPod(RUNNING, IDLE));
    loop = followLoop(kubectl, running, ['--interval', '100'], (result) => results.push(result));
    await waitUntil(() => results.some(({ status }) => status === 200), {
      what: 'an answer while the key service is up',
      timeoutMs: 20_000,
    });

    await scaleKeyService(0);
    leaseEndMs =
      1_000 * metricSum(await sidecarMetrics(kubectl, running), 'seks_lease_expiry_timestamp_seconds');
    before = await stub.latestId();
    // An agent that asks at once when it starts: the provider would see it.
    await kubectl.apply(podOf(suite(), ofPod(LATE, ['node', 'loop.mjs', '--model', LATE_MODEL])));
  }, 180_000);

  afterAll(async () => {
    // First of all, as every other file needs it.
    if (isDown) await scaleKeyService(1);
    await loop?.stop();
    await namespace.remove();
  }, 120_000);

  /** both pods are of one binding */
  function ofPod(name: string, command: readonly string[]): AgentSetup {
    const labels = { app: APP, 'seks.ai/inject': 'true' };
    return { app: APP, namespace: namespace.name, pod: { name, labels, command } };
  }

  async function scaleKeyService(replicas: 0 | 1): Promise<void> {
    const { kubectl } = suite();
    isDown = replicas === 0;
    const deployment = `deployment/${KEY_SERVICE}`;
    await kubectl.run(['scale', deployment, '-n', SYSTEM_NAMESPACE, `--replicas=${replicas}`]);
    await kubectl.run(['rollout', 'status', deployment, '-n', SYSTEM_NAMESPACE, '--timeout=90s']);
    if (replicas === 1) return;
    const selector = 'app.kubernetes.io/component=keyservice';
    await waitUntil(async () => (await kubectl.list<Pod>('pods', SYSTEM_NAMESPACE, selector)).length === 0, {
      what: 'the last pod of the key service to be gone',
      timeoutMs: 60_000,
      intervalMs: 250,
    });
  }

  async function sidecarOf(name: string): Promise<ContainerStatus | undefined> {
    const pod = await suite().kubectl.get<Pod>('pod', name, namespace.name);
    return pod?.status?.initContainerStatuses?.find((container) => container.name === 'seks-proxy');
  }

  test('S7: a running agent works until its lease ends, and then its SDK says so', async () => {
    const { kubectl, stub } = suite();
    const leftMs = leaseEndMs - Date.now();
    expect(leftMs).toBeLessThanOrEqual(LEASE_TTL_SECONDS * 1_000);
    const refused = await waitUntil(() => results.find(({ status }) => status !== 200), {
      what: 'the first refused request',
      timeoutMs: leftMs + 30_000,
      intervalMs: 250,
    });
    console.log(`the first refusal ended ${refused.end - leaseEndMs} ms after the lease`);
    expect(refused).toMatchObject({ status: 503, code: 'SEKS_LEASE_EXPIRED' });
    expect(refused.end).toBeGreaterThanOrEqual(leaseEndMs - SLACK_MS);
    expect(refused.begin).toBeLessThanOrEqual(leaseEndMs + SLACK_MS);

    const latest = await stub.latestId();
    const model = 's7-expired';
    const { error } = await chat(kubectl, running, { language: 'node', sdk: 'openai', retries: 0, model });
    expect(error).toMatchObject({ status: 503, code: 'SEKS_LEASE_EXPIRED' });
    expect(error?.message).toMatch(/SEKS_LEASE_EXPIRED: .*key service could not be reached.*seks-keyservice/);
    expect((await stub.requests(latest)).filter((seen) => seen.model === model)).toEqual([]);
  });

  test('S7: a sidecar that gets no first lease ends after 120 s with code and hint, and its agent never starts', async () => {
    const { kubectl, stub } = suite();
    const ended = await waitUntil(
      async () => {
        const status = await sidecarOf(LATE);
        return (status?.lastState?.terminated ?? status?.state?.terminated) as Ended | undefined;
      },
      {
        what: `the sidecar of ${LATE} to give up`,
        timeoutMs: START_LIMIT_MS + 30_000,
        intervalMs: 500,
      },
    );
    const tookMs = Date.parse(ended.finishedAt) - Date.parse(ended.startedAt);
    console.log(`the sidecar gave up after ${tookMs} ms: ${ended.message?.trim() ?? 'no message'}`);
    expect(ended.exitCode).toBe(1);
    // It begins no wait that would end too late, of which the longest is 15 s; a last attempt may take 10 s.
    expect(tookMs).toBeGreaterThanOrEqual(START_LIMIT_MS - 15_000 - SLACK_MS);
    expect(tookMs).toBeLessThanOrEqual(START_LIMIT_MS + 10_000 + SLACK_MS);

    const described = await kubectl.run(['describe', 'pod', LATE, '-n', namespace.name]);
    expect(described).toMatch(/Message: +SEKS_KEYSERVICE_UNREACHABLE: .*seks-keyservice pods/);
    const late = await kubectl.get<Pod>('pod', LATE, namespace.name);
    expect(late?.status?.containerStatuses?.[0]?.state).toMatchObject({
      waiting: { reason: 'PodInitializing' },
    });
    expect((await stub.requests(before)).filter(({ model }) => model === LATE_MODEL)).toEqual([]);
  }, 200_000);

  test('S7: when the key service is back, both go on by themselves', async () => {
    const { stub } = suite();
    await scaleKeyService(1);
    const backMs = Date.now();
    const answered = await waitUntil(
      () => results.find(({ begin, status }) => begin > backMs && status === 200),
      {
        what: 'the running agent to be answered again',
        timeoutMs: 60_000,
      },
    );
    const lateMs = await waitUntil(
      async () => (await stub.requests(before)).find(({ model }) => model === LATE_MODEL)?.atMs,
      { what: 'the first request of the late agent', timeoutMs: 90_000, intervalMs: 500 },
    );
    console.log(
      `after the key service was ready: ${answered.end - backMs} ms, late pod ${lateMs - backMs} ms`,
    );
    expect((await sidecarOf(RUNNING))?.restartCount).toBe(0);
    // Between the end of the lease and the new one there was not one answer.
    const between = results.filter(({ begin }) => begin > leaseEndMs + SLACK_MS && begin < backMs);
    expect(between.filter(({ status }) => status !== 503)).toEqual([]);
    expect(between.length).toBeGreaterThan(0);
  }, 200_000);

  // Here, because here a pod has grown old enough for it.
  test('S3: the seal of an older pod is refused at admission, and gets no lease where admission is bypassed', async () => {
    const { kubectl } = suite();
    const donor = await kubectl.get<Pod>('pod', RUNNING, namespace.name);
    if (donor === undefined) throw new Error(`pod ${RUNNING} is gone`);
    const oldMs = Date.parse(donor.metadata.creationTimestamp ?? '') + SEAL_LIMIT_MS + SLACK_MS;
    await waitUntil(() => Date.now() >= oldMs, { what: 'the seal to be old', timeoutMs: SEAL_LIMIT_MS });
    const copy = replay(donor, { name: 'replayed', namespace: namespace.name });
    expect(await refusalOfPod(kubectl, copy)).toMatch(/SEKS_INJECT_SEAL_STALE: .*earlier pod/);

    // Now the webhook is not asked any more, and the copy differs from what was sealed in its age alone.
    await kubectl.run(['label', 'namespace', namespace.name, `${LABEL_INJECTION}-`]);
    expect(await refusalOfPod(kubectl, copy)).toBe('');
    expect(await lastWordsOf(kubectl, 'replayed', namespace.name)).toMatch(
      /^SEKS_LEASE_POD_NOT_SEALED: .*metadata\.creationTimestamp/,
    );
    // The pod that the seal was made for goes on.
    expect((await chat(kubectl, running, { language: 'node', sdk: 'openai' })).error).toBeUndefined();
  }, 200_000);
});
