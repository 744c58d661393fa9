// Whether a binding may be used by a pod now, and a fingerprint of everything that its lease is compiled from.
import { createHash } from 'node:crypto';

import { SeksError } from '@seks/crds';
import type { InjectedBinding, InjectionConfig, SeksBinding } from '@seks/crds';

import { expiryMs } from '../controller/desired-status.ts';
import { selects } from '../injection/index.ts';
import type { Pod } from '../kube/objects.ts';

export interface BindingState {
  /** why nothing of the binding may be used, undefined if it may */
  problem: SeksError | undefined;
  /** changes whenever a new lease could differ from the last one */
  fingerprint: string;
}

/** what the state is read from; never does I/O */
export interface BindingView {
  bindingByUid: (uid: string) => SeksBinding | undefined;
  /** changes whenever the provider of that name changes */
  providerFingerprint: (name: string) => string;
  nowMs: number;
}

/** why the pod may not use the binding, in the order of the checks; undefined if it may */
export function bindingProblem(
  injected: InjectedBinding,
  pod: Pod,
  view: Pick<BindingView, 'bindingByUid' | 'nowMs'>,
): SeksError | undefined {
  const binding = view.bindingByUid(injected.uid);
  const where = `Binding: ${injected.name}.`;
  if (binding === undefined || binding.metadata.namespace !== pod.metadata.namespace) {
    return new SeksError('SEKS_BINDING_DELETED', where);
  }
  if (!selects(binding, pod)) return new SeksError('SEKS_BINDING_NOT_SELECTING', where);
  if (binding.spec.suspend === true) return new SeksError('SEKS_BINDING_SUSPENDED', where);
  const expires = expiryMs(binding);
  if (expires !== undefined && expires <= view.nowMs) return new SeksError('SEKS_BINDING_EXPIRED', where);
  return undefined;
}

/** the state of one injected binding */
export function bindingState(injected: InjectedBinding, pod: Pod, view: BindingView): BindingState {
  const problem = bindingProblem(injected, pod, view);
  const parts = [
    problem?.code ?? '',
    // The generation counts changes of the spec only, so that writing a status wakes nobody.
    view.bindingByUid(injected.uid)?.metadata.generation ?? 0,
    ...injected.credentials.map(({ provider }) => view.providerFingerprint(provider)),
  ];
  return { problem, fingerprint: digest(JSON.stringify(parts)) };
}

/** one fingerprint for a whole lease: all its bindings and the CA bundle that came with it */
export function leaseFingerprint(
  config: InjectionConfig,
  pod: Pod,
  view: BindingView,
  caBundle: string,
): string {
  const states = config.bindings.map((injected) => bindingState(injected, pod, view).fingerprint);
  return digest(JSON.stringify([states, digest(caBundle)]));
}

function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
}
