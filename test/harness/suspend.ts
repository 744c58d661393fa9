// How fast `suspend: true` stops an agent that asks without pause.
import { waitUntil } from '../cluster/wait-until.ts';
import { followLoop, type LoopResult } from './agent.ts';
import type { Kubectl, Target } from './kubectl.ts';

export interface SuspendMeasurement {
  /** from the end of `kubectl patch` to the answer of the first refused request, in `ms`; 0 when that came first */
  readonly afterPatchMs: number;
  /** from the start of `kubectl patch`, so an upper bound of what the cluster needs */
  readonly afterPatchStartMs: number;
  readonly code: string | undefined;
  /** requests that were answered after the first refusal although they began later */
  readonly answeredAfterwards: number;
  readonly requestsBefore: number;
}

/** suspends the binding while the agent asks every few ms; leaves it suspended */
export async function measureSuspend(
  kubectl: Kubectl,
  target: Target,
  binding: string,
  loopOptions: readonly string[] = [],
): Promise<SuspendMeasurement> {
  const results: LoopResult[] = [];
  const loop = followLoop(kubectl, target, ['--interval', '5', ...loopOptions], (result) =>
    results.push(result),
  );
  try {
    await waitUntil(() => results.filter(({ status }) => status === 200).length >= 20, {
      what: 'the agent’s requests to be answered',
      timeoutMs: 30_000,
    });
    const startedMs = Date.now();
    await kubectl.patch('seksbinding', binding, target.namespace, { spec: { suspend: true } });
    const returnedMs = Date.now();
    const refused = await waitUntil(() => results.find(({ status }) => status === 403), {
      what: 'the first refused request',
      timeoutMs: 30_000,
      intervalMs: 20,
    });
    // A handful more, to see that the refusal lasts.
    const count = results.length;
    await waitUntil(() => results.length >= count + 20, {
      what: 'more requests',
      timeoutMs: 10_000,
      intervalMs: 20,
    });
    return {
      afterPatchMs: Math.max(0, refused.end - returnedMs),
      afterPatchStartMs: refused.end - startedMs,
      code: refused.code,
      answeredAfterwards: results.filter(({ begin, status }) => begin > refused.end && status === 200).length,
      requestsBefore: results.indexOf(refused),
    };
  } finally {
    await loop.stop();
  }
}
