// What a binding's status should say, from what is known now. Pure.
import { ERRORS, SeksError, reasonOf } from '@seks/crds';
import type { Provider, SeksBinding, SeksBindingStatus, SeksCondition } from '@seks/crds';

import { boundProvider, limitsProblem } from '../policy/bound-provider.ts';
import type { PodCounts } from './count-pods.ts';

export interface StatusInputs {
  binding: SeksBinding;
  pods: PodCounts;
  /** throws SeksError SEKS_PROVIDER_UNKNOWN or SEKS_PROVIDER_INVALID */
  provider: (name: string) => Provider;
  nowMs: number;
}

/** the part of the status that the controller owns; `Sealed` belongs to the key service */
export interface OwnedStatus extends SeksBindingStatus {
  observedGeneration: number;
  conditions: [ready: SeksCondition, podsCurrent: SeksCondition];
  pods: PodCounts;
}

type Verdict = Pick<SeksCondition, 'status' | 'reason' | 'message'>;

/** the status for these inputs; conditions that say the same as before keep their transition time */
export function desiredStatus(inputs: StatusInputs): OwnedStatus {
  const { binding, pods, nowMs } = inputs;
  const generation = binding.metadata.generation ?? 0;
  const condition = (type: string, verdict: Verdict): SeksCondition => {
    const before = conditionOf(binding, type);
    return {
      type,
      status: verdict.status,
      observedGeneration: generation,
      lastTransitionTime: before?.status === verdict.status ? before.lastTransitionTime : formatTime(nowMs),
      reason: verdict.reason,
      message: verdict.message,
    };
  };
  return {
    observedGeneration: generation,
    conditions: [condition('Ready', readiness(inputs)), condition('PodsCurrent', currency(pods))],
    pods,
  };
}

/** the binding's condition of that type */
export function conditionOf(binding: SeksBinding, type: string): SeksCondition | undefined {
  return binding.status?.conditions?.find((condition) => condition.type === type);
}

/** whether the stored status already says this, so that nothing needs to be written */
export function statusEquals(stored: SeksBindingStatus | undefined, desired: OwnedStatus): boolean {
  if (stored?.observedGeneration !== desired.observedGeneration) return false;
  const { matched, injected, outdated } = desired.pods;
  const pods = stored.pods;
  if (pods?.matched !== matched || pods.injected !== injected || pods.outdated !== outdated) return false;
  return desired.conditions.every((wanted) => {
    const found = stored.conditions?.find(({ type }) => type === wanted.type);
    return (
      found?.status === wanted.status &&
      found.reason === wanted.reason &&
      found.message === wanted.message &&
      found.observedGeneration === wanted.observedGeneration
    );
  });
}

/** when the binding expires, in `ms` since 1970 */
export function expiryMs(binding: SeksBinding): number | undefined {
  const text = binding.spec.expiresAt;
  if (text === undefined) return undefined;
  const parsed = Date.parse(text);
  // The API server checks the format; a time that we cannot read must not mean "never".
  return Number.isNaN(parsed) ? 0 : parsed;
}

function readiness({ binding, provider, nowMs }: StatusInputs): Verdict {
  const expires = expiryMs(binding);
  if (binding.spec.suspend === true) return problem(new SeksError('SEKS_BINDING_SUSPENDED'));
  if (expires !== undefined && expires <= nowMs) {
    return problem(new SeksError('SEKS_BINDING_EXPIRED', `It ended at ${binding.spec.expiresAt ?? ''}.`));
  }
  for (const credential of binding.spec.credentials) {
    try {
      const unkept = limitsProblem(boundProvider(credential, provider), credential);
      if (unkept !== undefined) throw unkept;
    } catch (error) {
      if (!(error instanceof SeksError)) throw error;
      return problem(error, `Credential ${credential.name}: `);
    }
  }
  const sealed = conditionOf(binding, 'Sealed');
  if (sealed?.status === 'False') return { status: 'False', reason: sealed.reason, message: sealed.message };
  return { status: 'True', reason: 'Ready', message: 'The selected pods may use all credentials.' };
}

function problem(error: SeksError, prefix = ''): Verdict {
  const message = `${prefix}${error.message} ${ERRORS[error.code].hint}`;
  return { status: 'False', reason: reasonOf(error.code), message };
}

function currency({ matched, injected, outdated }: PodCounts): Verdict {
  if (outdated > 0) {
    const message = `${outdated} of ${injected} pods run with an older form of this binding. Restart them.`;
    return { status: 'False', reason: 'PodsOutdated', message };
  }
  if (matched > injected) {
    const message =
      `${matched - injected} of ${matched} selected pods run without this binding's credentials. ` +
      'Check that the namespace has the label seks.ai/injection=enabled, and restart the pods.';
    return { status: 'False', reason: 'PodsNotInjected', message };
  }
  return { status: 'True', reason: 'Current', message: `${injected} pods run with the current binding.` };
}

/** RFC 3339 in whole seconds, as Kubernetes writes times */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}
