import { describe, expect, test } from '@jest/globals';

import { injectedPod, signer } from '../keyservice/testing/fixture.ts';
import { verifyInjection } from '../injection/index.ts';
import type { Pod } from './objects.ts';
import { dropManagedFields, isLive, prunePod } from './prune.ts';

const pod = injectedPod();
const noisy: Pod = {
  ...pod,
  metadata: {
    ...pod.metadata,
    annotations: { ...pod.metadata.annotations, 'example.com/note': 'x'.repeat(10_000) },
    managedFields: [{ fieldsV1: 'x'.repeat(10_000) }],
    ownerReferences: [{}],
  },
  status: Object.assign({ phase: 'Running' }, { containerStatuses: ['x'.repeat(10_000)] }),
};

test('S11: a pruned pod is verified as the whole one is', () => {
  const keys = signer.publicKeys();
  const pruned = prunePod(noisy);
  expect(JSON.stringify(pruned)).not.toContain('xxx');
  expect(verifyInjection({ pod: pruned, namespace: 'agents', keys, apiAudiences: [] })).toEqual(
    verifyInjection({ pod: noisy, namespace: 'agents', keys, apiAudiences: [] }),
  );
  expect(verifyInjection({ pod: pruned, namespace: 'agents', keys, apiAudiences: [] }).ok).toBe(true);
  const [sidecar] = noisy.spec.initContainers ?? [];
  const tampered = structuredClone(noisy);
  if (sidecar !== undefined)
    tampered.spec.initContainers = [{ ...sidecar, image: 'registry.example/evil:1' }];
  expect(verifyInjection({ pod: prunePod(tampered), namespace: 'agents', keys, apiAudiences: [] }).ok).toBe(
    false,
  );
});

test('keeps what identifies an object', () => {
  const pruned = prunePod({
    ...noisy,
    metadata: { ...noisy.metadata, deletionTimestamp: '2026-03-01T12:00:00Z' },
  });
  expect(pruned.metadata).toMatchObject({ name: 'research-6b8-q2x4z', uid: 'pod-uid', namespace: 'agents' });
  expect(pruned.metadata.deletionTimestamp).toBe('2026-03-01T12:00:00Z');
  expect(dropManagedFields(noisy).metadata).not.toHaveProperty('managedFields');
});

describe('a pod is live', () => {
  test.each([
    ['Pending', undefined, true],
    ['Running', undefined, true],
    ['Unknown', undefined, true],
    ['Succeeded', undefined, false],
    ['Failed', undefined, false],
    ['Running', '2026-03-01T12:00:00Z', false],
  ])('in phase %s, deleted at %s: %s', (phase, deletionTimestamp, expected) => {
    const metadata = { ...pod.metadata, ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }) };
    expect(isLive({ ...pod, metadata, status: { phase } })).toBe(expected);
  });
});
