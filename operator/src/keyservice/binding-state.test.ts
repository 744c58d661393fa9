import { describe, expect, test } from '@jest/globals';
import type { SeksBinding } from '@seks/crds';

import { bindingState, leaseFingerprint } from './binding-state.ts';
import type { BindingView } from './binding-state.ts';
import { NOW_MS, configOf, injectedPod, researchBinding } from './testing/fixture.ts';

const pod = injectedPod();
const config = configOf(pod);
const [injected] = config.bindings;

function view(
  binding: SeksBinding | undefined = researchBinding(),
  change: Partial<BindingView> = {},
): BindingView {
  return {
    bindingByUid: () => binding,
    providerFingerprint: (name) => `of ${name}`,
    nowMs: NOW_MS,
    ...change,
  };
}

function print(given: BindingView, of = pod): string {
  if (injected === undefined) throw new Error('the fixture has a binding');
  return bindingState(injected, of, given).fingerprint;
}

describe('S12: the fingerprint of a binding changes', () => {
  const before = print(view());
  const next = { ...researchBinding(), metadata: { ...researchBinding().metadata, generation: 2 } };

  test.each([
    ['with its spec', view(next)],
    ['when it is suspended', view(researchBinding({ suspend: true }))],
    ['when it expires', view(researchBinding({ expiresAt: '2026-03-01T11:59:59Z' }))],
    [
      'with a provider',
      view(undefined, { providerFingerprint: (name) => (name === 'openai' ? 'new' : `of ${name}`) }),
    ],
    ['when it is gone', { ...view(), bindingByUid: () => undefined }],
    ['when it stops selecting the pod', view(researchBinding({ serviceAccountName: 'other' }))],
  ])('%s', (_, changed) => {
    expect(print(changed)).not.toBe(before);
  });

  test('but not with its status or with time', () => {
    const ready = {
      type: 'Ready',
      status: 'True' as const,
      reason: 'Ready',
      message: '',
      lastTransitionTime: '',
    };
    expect(print(view({ ...researchBinding(), status: { conditions: [ready] } }))).toBe(before);
    expect(print(view(undefined, { nowMs: NOW_MS + 1000 }))).toBe(before);
  });

  test('with the labels of the pod, when they decide', () => {
    expect(print(view(), { ...pod, metadata: { ...pod.metadata, labels: {} } })).not.toBe(before);
  });
});

test('the fingerprint of a lease is of all its bindings and of the CA bundle', () => {
  const before = leaseFingerprint(config, pod, view(), 'CA 1');
  expect(leaseFingerprint(config, pod, view(), 'CA 1')).toBe(before);
  expect(leaseFingerprint(config, pod, view(), 'CA 2')).not.toBe(before);
  expect(leaseFingerprint(config, pod, view(researchBinding({ suspend: true })), 'CA 1')).not.toBe(before);
});
