// Keeps the status of every SeksBinding true: wakes up on whatever may change it, computes it anew, writes differences.
import type { JsonWebKey } from 'node:crypto';

import type { SeksBinding, SeksProvider } from '@seks/crds';
import type { Logger } from 'pino';

import { selects } from '../injection/index.ts';
import { isNotFound } from '../kube/conflict.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { Pod } from '../kube/objects.ts';
import { SEKS_BINDINGS } from '../kube/resources.ts';
import type { ProviderCache } from '../kube/provider-cache.ts';
import type { Store } from '../kube/store.ts';
import { storeKey } from '../kube/store.ts';
import { createWorkQueue } from '../kube/work-queue.ts';
import type { QueueObserver } from '../kube/work-queue.ts';
import { createBindingEvents } from './binding-events.ts';
import { countPods } from './count-pods.ts';
import { createInjectionStates } from './injection-state.ts';
import { desiredStatus, expiryMs, statusEquals } from './desired-status.ts';

export const FIELD_MANAGER = 'seks-controller';
/** a rollout changes many pods; their binding is counted once in this time */
const POD_DEBOUNCE_MS = 500;

export interface BindingControllerDeps {
  api: Pick<KubeApi, 'apply' | 'create'>;
  bindings: Store<SeksBinding>;
  pods: Store<Pod>;
  providers: Store<SeksProvider>;
  providerCache: ProviderCache;
  /** public keys of injection seals */
  injectionKeys: () => readonly JsonWebKey[];
  instance: string;
  clock: () => number;
  random: () => number;
  log: Logger;
  observer?: QueueObserver;
  podDebounceMs?: number;
}

/** a controller that does nothing until it is run */
export function createBindingController(deps: BindingControllerDeps): {
  run(signal: AbortSignal): Promise<void>;
  /** looks at every binding again, e.g. when the injection keys changed */
  recheckAll(): void;
} {
  const { api, bindings, pods, providers, clock, log } = deps;
  const podDebounceMs = deps.podDebounceMs ?? POD_DEBOUNCE_MS;
  const events = createBindingEvents(deps);
  const injections = createInjectionStates(deps);

  async function reconcile(key: string, signal: AbortSignal): Promise<void> {
    const [namespace = '', name = ''] = key.split('/');
    const binding = bindings.get(namespace, name);
    if (binding === undefined) return;
    const counts = await countPods({
      binding,
      pods: pods.list(namespace),
      stateOf: injections.stateOf,
      pause: async () => await new Promise((resolve) => setImmediate(resolve)),
    });
    const nowMs = clock();
    const status = desiredStatus({ binding, pods: counts, provider: deps.providerCache.get, nowMs });
    const expires = expiryMs(binding);
    if (expires !== undefined && expires > nowMs) queue.addAfter(key, expires - nowMs);
    if (statusEquals(binding.status, status)) return;
    await events.report(binding, status.conditions[0], signal);
    try {
      const patch = { metadata: { uid: binding.metadata.uid }, status };
      const options = { fieldManager: FIELD_MANAGER, subresource: 'status' } as const;
      await api.apply(SEKS_BINDINGS, { namespace, name }, patch, options, signal);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const { status: ready, reason } = status.conditions[0];
    log.info({ event: 'status_written', binding: key, ready, reason, pods: status.pods }, 'status written');
  }

  const queue = createWorkQueue({
    process: reconcile,
    workers: 4,
    clock,
    random: deps.random,
    log,
    ...(deps.observer === undefined ? {} : { observer: deps.observer }),
  });

  function addBinding({ metadata }: SeksBinding): void {
    queue.add(storeKey(metadata.namespace, metadata.name));
  }

  function onPod(namespace: string | undefined, versions: (Pod | undefined)[]): void {
    for (const binding of bindings.list(namespace)) {
      if (versions.some((pod) => pod !== undefined && selects(binding, pod))) {
        queue.addAfter(storeKey(namespace, binding.metadata.name), podDebounceMs);
      }
    }
  }

  function recheckAll(): void {
    injections.forgetKeys();
    for (const binding of bindings.list()) addBinding(binding);
  }

  return {
    recheckAll,
    async run(signal) {
      const stops = [
        bindings.subscribe(({ namespace, name, previous, current }) => {
          if (current !== undefined && previous?.metadata.generation === current.metadata.generation) {
            // Only the status changed, most often by ourselves: no reason to count pods more often than else.
            queue.addAfter(storeKey(namespace, name), podDebounceMs);
          } else if (current !== undefined) addBinding(current);
          else if (previous?.metadata.uid !== undefined) events.forget(previous.metadata.uid);
        }),
        pods.subscribe(({ namespace, previous, current }) => onPod(namespace, [previous, current])),
        providers.subscribe(({ name }) => {
          for (const binding of bindings.list()) {
            if (binding.spec.credentials.some(({ provider }) => provider === name)) addBinding(binding);
          }
        }),
      ];
      recheckAll();
      await queue.run(signal);
      for (const stop of stops) stop();
    },
  };
}
