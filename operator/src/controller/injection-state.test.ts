import { describe, expect, test } from '@jest/globals';

import { builtIn } from '../injection/fixtures.ts';
import type { Pod } from '../kube/objects.ts';
import { injectedPod, researchBinding, signer } from '../keyservice/testing/fixture.ts';
import { createInjectionStates, prunePodForCounting } from './injection-state.ts';

function setUp() {
  let keys = signer.publicKeys();
  let keyReads = 0;
  const states = createInjectionStates({
    injectionKeys: () => {
      keyReads += 1;
      return keys;
    },
    providerCache: { get: builtIn, fingerprint: (name) => name },
  });
  return { states, setKeys: (next: typeof keys) => (keys = next), keyReads: () => keyReads };
}

const bare: Pod = { metadata: { name: 'bare' }, spec: { containers: [] } };

describe('state', () => {
  test('none without a seal, or without this binding in it', () => {
    const { states } = setUp();
    const other = researchBinding();
    expect(states.stateOf(bare, researchBinding())).toBe('none');
    const elsewhere = { ...other, metadata: { ...other.metadata, uid: 'other' } };
    expect(states.stateOf(injectedPod(), elsewhere)).toBe('none');
  });

  test('follows the generation of the binding, on pruned pods too', () => {
    const { states } = setUp();
    const pod = prunePodForCounting(injectedPod());
    const binding = researchBinding();
    expect(states.stateOf(pod, binding)).toBe('current');
    const next = { ...researchBinding({ agent: 'x' }), metadata: { ...binding.metadata, generation: 2 } };
    expect(states.stateOf(pod, next)).toBe('outdated');
    expect(states.stateOf(pod, binding)).toBe('current');
  });

  test('reads each seal once, until the keys change', () => {
    const { states, setKeys, keyReads } = setUp();
    const pod = injectedPod();
    for (let i = 0; i < 3; i += 1) expect(states.stateOf(pod, researchBinding())).toBe('current');
    expect(keyReads()).toBe(1);
    setKeys([]);
    expect(states.stateOf(pod, researchBinding())).toBe('current');
    states.forgetKeys();
    expect(states.stateOf(pod, researchBinding())).toBe('none');
  });
});

describe('pruned for counting', () => {
  test('a pod without a seal keeps what selectors see', () => {
    const pod = {
      metadata: {
        name: 'a',
        namespace: 'ns',
        uid: 'u',
        resourceVersion: '1',
        labels: { app: 'x' },
        annotations: { note: 'long' },
        managedFields: [{}],
      },
      spec: { serviceAccountName: 'sa', containers: [{ name: 'c', env: [{ name: 'K', value: 'v' }] }] },
      status: { phase: 'Running', conditions: [{}] },
    } as Pod;
    expect(prunePodForCounting(pod)).toEqual({
      metadata: { name: 'a', namespace: 'ns', uid: 'u', resourceVersion: '1', labels: { app: 'x' } },
      spec: { serviceAccountName: 'sa', containers: [] },
      status: { phase: 'Running' },
    });
  });

  test('an injected pod keeps seal, containers and variables, and becomes much smaller', () => {
    const pod = injectedPod();
    const pruned = prunePodForCounting(pod);
    expect(Object.keys(pruned.metadata.annotations ?? {})).toEqual(['seks.ai/injection-seal']);
    expect(pruned.spec.initContainers?.[0]?.name).toBe('seks-proxy');
    expect(pruned.spec.volumes).toBeUndefined();
    expect(JSON.stringify(pruned).length).toBeLessThan(JSON.stringify(pod).length * 0.75);
  });
});
