// The webhook meets a pod that it injected before: its own result is left as it is, anything else with a sidecar is refused.
import { describe, expect, test } from '@jest/globals';

import { BREACHES } from './breaches.ts';
import { NOW_MS, denial, injected, planRequest, testSigner } from './fixtures.ts';
import { planInjection } from './plan.ts';

describe('planInjection: second pass', () => {
  const signer = testSigner();
  const { pod } = injected(planRequest({ signer }));

  test('our own result is left untouched, also by another replica and after the binding changed', () => {
    expect(planInjection(planRequest({ pod, signer }))).toEqual({ kind: 'untouched' });
    expect(planInjection(planRequest({ pod, signer, bindings: [] }))).toEqual({ kind: 'untouched' });
  });

  test.each([-60, 60])('is still accepted at %i s of clock difference', (seconds) => {
    const nowMs = NOW_MS + seconds * 1000;
    expect(planInjection(planRequest({ pod, signer, nowMs })).kind).toBe('untouched');
  });

  test.each([-61, 61])('S11: a seal that is %i s away is that of another pod', (seconds) => {
    const nowMs = NOW_MS + seconds * 1000;
    expect(denial(planRequest({ pod, signer, nowMs })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a seal of another installation is refused', () => {
    expect(denial(planRequest({ pod, signer: testSigner() })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a seal of another namespace or ServiceAccount is refused', () => {
    const elsewhere = { ...pod, metadata: { ...pod.metadata, namespace: 'elsewhere' } };
    const namespaced = planRequest({ pod: elsewhere, namespace: 'elsewhere', signer });
    expect(denial(namespaced).code).toBe('SEKS_INJECT_SEAL_STALE');
    const other = { ...pod, spec: { ...pod.spec, serviceAccountName: 'other' } };
    expect(denial(planRequest({ pod: other, signer })).code).toBe('SEKS_INJECT_SEAL_STALE');
  });

  test('S11: a sidecar that another webhook changed is refused by the field', () => {
    const changed = structuredClone(pod);
    const sidecar = changed.spec.initContainers?.[0];
    sidecar?.env?.push({ name: 'NODE_OPTIONS', value: '--inspect' });
    const { code, message } = denial(planRequest({ pod: changed, signer }));
    expect(code).toBe('SEKS_INJECT_SIDECAR_EXISTS');
    expect(message).toContain('spec.initContainers[0].env');
  });

  test.each(BREACHES)('S2: $what, added by another webhook, is refused', ({ change, code }) => {
    const changed = structuredClone(pod);
    change(changed);
    expect(denial(planRequest({ pod: changed, signer })).code).toBe(code);
  });
});
