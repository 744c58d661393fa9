// The event streams of all sidecars on this replica. Whatever may end or change a lease is compared with what its sidecar
// was last told; so it does not matter which event woke us, and none can be missed between lease and stream.
import { HEARTBEAT_INTERVAL_MS, SeksError } from '@seks/crds';
import type { InjectionConfig, RevokedEvent, SeksBinding, SeksProvider } from '@seks/crds';
import type { Logger } from 'pino';

import { expiryMs } from '../controller/desired-status.ts';
import { isLive } from '../kube/prune.ts';
import type { Pod } from '../kube/objects.ts';
import type { Store } from '../kube/store.ts';
import { bindingState } from './binding-state.ts';
import type { BindingState, BindingView } from './binding-state.ts';

/** where a stream's bytes go; `write` is false once the peer no longer reads */
export interface StreamOutput {
  write(text: string): boolean;
  end(): void;
}

export interface StreamRequest {
  pod: Pod;
  config: InjectionConfig;
  /** whether the lease was compiled from what is true now */
  isCurrent: boolean;
  /** the stream ends with its lease; the sidecar has a newer one by then */
  expiresMs: number;
  output: StreamOutput;
}

export interface LeaseStreams {
  /** starts to follow; the result ends it */
  open(request: StreamRequest): () => void;
  /** tells all sidecars to ask again, spread over some seconds: nothing is wrong with their leases */
  changedEverywhere: () => void;
  /** watches stores and beats until the signal aborts, then ends all streams */
  run(signal: AbortSignal): Promise<void>;
  count(): number;
}

export interface LeaseStreamsDeps {
  bindings: Store<SeksBinding>;
  pods: Store<Pod>;
  providers: Store<SeksProvider>;
  view: () => BindingView;
  /** the pod's injection, undefined if it is no longer as it was injected */
  verify: (pod: Pod) => InjectionConfig | undefined;
  clock: () => number;
  random: () => number;
  log: Logger;
  observeCount?: (count: number) => void;
  heartbeatMs?: number;
  spreadMs?: number;
}

interface Stream {
  podUid: string;
  pod: Pod;
  config: InjectionConfig;
  told: Map<string, BindingState>;
  output: StreamOutput;
  expiry: NodeJS.Timeout;
}

const SPREAD_MS = 30_000;
const MAX_TIMER_MS = 2 ** 31 - 1;

/** no streams yet; works once it is run */
export function createLeaseStreams(deps: LeaseStreamsDeps): LeaseStreams {
  const { clock, log } = deps;
  const byPod = new Map<string, Set<Stream>>();
  const byBinding = new Map<string, Set<Stream>>();
  const expiryTimers = new Map<string, NodeJS.Timeout>();
  const spreadTimers = new Set<NodeJS.Timeout>();
  let count = 0;
  let stopped = false;

  function close(stream: Stream): void {
    const siblings = byPod.get(stream.podUid);
    if (siblings?.delete(stream) !== true) return;
    if (siblings.size === 0) byPod.delete(stream.podUid);
    for (const { uid } of stream.config.bindings) {
      const holders = byBinding.get(uid);
      holders?.delete(stream);
      if (holders?.size !== 0) continue;
      byBinding.delete(uid);
      clearTimeout(expiryTimers.get(uid));
      expiryTimers.delete(uid);
    }
    clearTimeout(stream.expiry);
    count -= 1;
    deps.observeCount?.(count);
    stream.output.end();
  }

  function send(stream: Stream, event: string, data: unknown): void {
    if (!stream.output.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)) close(stream);
  }

  function revoke(stream: Stream, bindingUid: string, error: SeksError): void {
    const data: RevokedEvent = { bindingUid, code: error.code, message: error.message };
    send(stream, 'revoked', data);
    const { namespace, name: pod } = stream.pod.metadata;
    const binding = stream.config.bindings.find(({ uid }) => uid === bindingUid)?.name;
    log.info({ event: 'lease_revoked', namespace, pod, binding, code: error.code }, 'lease revoked');
  }

  /** compares with what the sidecar knows and tells it the difference */
  function compare(stream: Stream, bindingUids: Iterable<string>): void {
    let isChanged = false;
    const view = deps.view();
    for (const uid of bindingUids) {
      const injected = stream.config.bindings.find((binding) => binding.uid === uid);
      if (injected === undefined) continue;
      const told = stream.told.get(uid);
      const state = bindingState(injected, stream.pod, view);
      stream.told.set(uid, state);
      if (state.problem !== undefined) {
        if (told?.problem?.code !== state.problem.code) revoke(stream, uid, state.problem);
      } else if (told?.fingerprint !== state.fingerprint) {
        isChanged = true;
      }
    }
    if (isChanged) send(stream, 'changed', {});
  }

  function onBinding(uid: string): void {
    armExpiry(uid);
    for (const stream of byBinding.get(uid) ?? []) compare(stream, [uid]);
  }

  function armExpiry(uid: string): void {
    clearTimeout(expiryTimers.get(uid));
    expiryTimers.delete(uid);
    const binding = deps.bindings.getByUid(uid);
    const expires = binding === undefined ? undefined : expiryMs(binding);
    if (expires === undefined || expires <= clock() || !byBinding.has(uid)) return;
    // A timer may fire a moment early; onBinding then sets it again.
    const delayMs = Math.min(expires - clock(), MAX_TIMER_MS);
    expiryTimers.set(
      uid,
      setTimeout(() => onBinding(uid), delayMs),
    );
  }

  function endAll(stream: Stream, error: SeksError): void {
    for (const { uid } of stream.config.bindings) revoke(stream, uid, error);
    close(stream);
  }

  function onPod(uid: string, current: Pod | undefined): void {
    const streams = byPod.get(uid);
    if (streams === undefined) return;
    for (const stream of streams) {
      if (current === undefined || !isLive(current)) {
        endAll(stream, new SeksError('SEKS_LEASE_POD_TERMINATING'));
      } else if (deps.verify(current) === undefined) {
        endAll(stream, new SeksError('SEKS_LEASE_POD_NOT_SEALED'));
      } else {
        stream.pod = current;
        compare(stream, stream.told.keys());
      }
    }
  }

  function allStreams(): Stream[] {
    return [...byPod.values()].flatMap((streams) => [...streams]);
  }

  return {
    count: () => count,
    open({ pod, config, isCurrent, expiresMs, output }) {
      const podUid = pod.metadata.uid ?? '';
      const told = new Map<string, BindingState>();
      const leaseLeftMs = Math.min(Math.max(0, expiresMs - clock()), MAX_TIMER_MS);
      const stream: Stream = {
        podUid,
        pod,
        config,
        told,
        output,
        expiry: setTimeout(() => close(stream), leaseLeftMs),
      };
      const siblings = byPod.get(podUid) ?? new Set();
      byPod.set(podUid, siblings.add(stream));
      count += 1;
      deps.observeCount?.(count);
      const view = deps.view();
      for (const injected of config.bindings) {
        const holders = byBinding.get(injected.uid) ?? new Set();
        byBinding.set(injected.uid, holders.add(stream));
        armExpiry(injected.uid);
        const state = bindingState(injected, pod, view);
        // Told again even if the lease's own answer said so: hearing it twice is harmless, missing it is not.
        if (state.problem !== undefined) revoke(stream, injected.uid, state.problem);
        told.set(injected.uid, state);
      }
      if (!isCurrent) send(stream, 'changed', {});
      if (stopped) close(stream);
      return () => close(stream);
    },
    changedEverywhere() {
      for (const stream of allStreams()) {
        const timer = setTimeout(
          () => {
            spreadTimers.delete(timer);
            if (byPod.get(stream.podUid)?.has(stream) === true) send(stream, 'changed', {});
          },
          deps.random() * (deps.spreadMs ?? SPREAD_MS),
        );
        spreadTimers.add(timer);
      }
    },
    async run(signal) {
      const heartbeat = setInterval(() => {
        for (const stream of allStreams()) if (!stream.output.write(':\n\n')) close(stream);
      }, deps.heartbeatMs ?? HEARTBEAT_INTERVAL_MS);
      const stops = [
        deps.bindings.subscribe(({ previous, current }) => {
          const uid = current?.metadata.uid ?? previous?.metadata.uid;
          if (uid !== undefined) onBinding(uid);
        }),
        deps.pods.subscribe(({ previous, current }) => {
          const uid = current?.metadata.uid ?? previous?.metadata.uid;
          if (uid !== undefined) onPod(uid, current);
        }),
        deps.providers.subscribe(({ name }) => {
          for (const stream of allStreams()) {
            const users = stream.config.bindings.filter(({ credentials }) =>
              credentials.some(({ provider }) => provider === name),
            );
            if (users.length > 0) {
              compare(
                stream,
                users.map(({ uid }) => uid),
              );
            }
          }
        }),
      ];
      await new Promise<void>((resolve) => {
        if (signal.aborted) resolve();
        else signal.addEventListener('abort', () => resolve(), { once: true });
      });
      stopped = true;
      clearInterval(heartbeat);
      for (const stop of stops) stop();
      for (const timer of spreadTimers) clearTimeout(timer);
      for (const stream of allStreams()) close(stream);
    },
  };
}
