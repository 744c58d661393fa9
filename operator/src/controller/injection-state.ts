// Whether running pods carry a binding's injection and would get the same today. The answers are kept with the pod objects:
// signatures and token hashes of ten thousand pods would be most of a reconciliation's time.
import type { JsonWebKey } from 'node:crypto';

import { ANNOTATION_SEAL } from '@seks/crds';
import type { InjectionConfig, SeksBinding } from '@seks/crds';

import { bindingCurrent, readSeal } from '../injection/index.ts';
import { prunePhase, prunePodMetadata } from '../kube/prune.ts';
import type { Pod } from '../kube/objects.ts';
import type { ProviderCache } from '../kube/provider-cache.ts';

export type InjectionState = 'none' | 'outdated' | 'current';

export interface InjectionStates {
  stateOf: (pod: Pod, binding: SeksBinding) => InjectionState;
  /** reads all seals again; call it when the injection keys changed */
  forgetKeys(): void;
}

interface Known {
  /** bindings in the pod's seal; the seal itself is read again where more is needed, it is most of a pod's memory */
  bindingUids: readonly string[];
  /** by binding uid */
  states: Map<string, { version: string; state: InjectionState }>;
}

/** remembers per pod object; a pod that changes is a new object */
export function createInjectionStates(deps: {
  injectionKeys: () => readonly JsonWebKey[];
  providerCache: ProviderCache;
}): InjectionStates {
  const { injectionKeys, providerCache } = deps;
  let pods = new WeakMap<Pod, Known>();

  function read(seal: string): InjectionConfig | undefined {
    const reading = readSeal(seal, injectionKeys());
    return reading.ok ? reading.config : undefined;
  }

  return {
    forgetKeys: () => void (pods = new WeakMap()),
    stateOf(pod, binding) {
      const seal = pod.metadata.annotations?.[ANNOTATION_SEAL];
      const uid = binding.metadata.uid ?? '';
      if (seal === undefined) return 'none';
      let config: InjectionConfig | undefined;
      let known = pods.get(pod);
      if (known === undefined) {
        config = read(seal);
        known = { bindingUids: config?.bindings.map((injected) => injected.uid) ?? [], states: new Map() };
        pods.set(pod, known);
      }
      const { bindingUids, states } = known;
      if (!bindingUids.includes(uid)) return 'none';
      const providers = binding.spec.credentials.map(({ provider }) => providerCache.fingerprint(provider));
      const version = [binding.metadata.generation ?? 0, ...providers].join();
      const before = states.get(uid);
      if (before?.version === version) return before.state;
      config ??= read(seal);
      const isCurrent =
        config !== undefined && bindingCurrent({ config, binding, pod, provider: providerCache.get });
      const state = isCurrent ? 'current' : 'outdated';
      states.set(uid, { version, state });
      return state;
    },
  };
}

/** a pod with what counting needs: of pods without a seal just what selectors see */
export function prunePodForCounting(pod: Pod): Pod {
  const metadata = prunePodMetadata(pod.metadata);
  const isInjected = metadata.annotations !== undefined;
  const { serviceAccountName, containers, initContainers } = pod.spec;
  const account = serviceAccountName === undefined ? {} : { serviceAccountName };
  if (!isInjected) return { metadata, spec: { ...account, containers: [] }, ...prunePhase(pod) };
  const variablesOnly = ({
    name,
    env,
  }: Pod['spec']['containers'][number]): Pod['spec']['containers'][number] => ({
    name,
    ...(env === undefined ? {} : { env }),
  });
  return {
    metadata,
    spec: {
      ...account,
      containers: containers.map(variablesOnly),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(variablesOnly) }),
    },
    ...prunePhase(pod),
  };
}
