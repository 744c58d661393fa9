// Counts a binding's pods in small portions: ten thousand signatures in one go would keep the webhook waiting for seconds.
import type { SeksBinding } from '@seks/crds';

import { selects } from '../injection/index.ts';
import { isLive } from '../kube/prune.ts';
import type { Pod } from '../kube/objects.ts';
import type { InjectionState } from './injection-state.ts';

export interface PodCounts {
  /** live pods that the selector matches */
  matched: number;
  /** those of them that carry the binding's injection */
  injected: number;
  /** those of the injected that need a restart to get the binding as it is */
  outdated: number;
}

export interface CountRequest {
  binding: SeksBinding;
  /** pods of the binding's namespace */
  pods: readonly Pod[];
  stateOf: (pod: Pod, binding: SeksBinding) => InjectionState;
  /** lets others work; awaited after each portion */
  pause: () => Promise<void>;
}

const PORTION = 50;

/** counts; the pods are a snapshot, whoever hears of later ones counts again */
export async function countPods({ binding, pods, stateOf, pause }: CountRequest): Promise<PodCounts> {
  const counts: PodCounts = { matched: 0, injected: 0, outdated: 0 };
  for (const [index, pod] of pods.entries()) {
    if (index > 0 && index % PORTION === 0) await pause();
    if (!isLive(pod) || !selects(binding, pod)) continue;
    const state = stateOf(pod, binding);
    counts.matched += 1;
    if (state !== 'none') counts.injected += 1;
    if (state === 'outdated') counts.outdated += 1;
  }
  return counts;
}
