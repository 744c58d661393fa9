// What happens between two awaits: the moments that tests over HTTP cannot hit on purpose.
import { createSecretKey } from 'node:crypto';

import { beforeEach, describe, expect, test } from '@jest/globals';
import { Secret, SeksError } from '@seks/crds';
import type { SeksBinding } from '@seks/crds';
import { pino } from 'pino';

import { builtIn } from '../injection/fixtures.ts';
import type { Pod } from '../kube/objects.ts';
import { createStore } from '../kube/store.ts';
import type { WritableStore } from '../kube/store.ts';
import type { DataKeys } from './data-keys.ts';
import { createLeaseIds } from './lease-id.ts';
import { createLeaseService } from './lease-service.ts';
import type { LeaseService } from './lease-service.ts';
import type { SealOutcome } from './sealed-conditions.ts';
import {
  MISSING,
  NAMESPACE,
  NOW_MS,
  POD_NAME,
  POD_UID,
  SERVICE_ACCOUNT,
  injectedPod,
  leaseFor,
  podToken,
  researchBinding,
  sealedReport,
  sealingKit,
  signer,
} from './testing/fixture.ts';

const kit = await sealingKit();
const request = leaseFor([sealedReport(await kit.seal()), MISSING]);

let bindings: WritableStore<SeksBinding>;
let pods: WritableStore<Pod>;
let service: LeaseService;
let reported: [string, readonly SealOutcome[]][];
let handedOut: Secret<'data-key'>[];
/** what happens while the KMS works */
let meanwhile: () => void;
let caBundle: string;

beforeEach(() => {
  bindings = createStore();
  pods = createStore();
  bindings.upsert(researchBinding());
  pods.upsert(injectedPod());
  reported = [];
  handedOut = [];
  meanwhile = () => undefined;
  caBundle = 'CA 1';
  const dataKeys: DataKeys = {
    keyIds: () => [kit.kid],
    forget: () => undefined,
    async unwrap(_uid, [wrapped], ctx) {
      meanwhile();
      if (wrapped === undefined) throw new SeksError('SEKS_SEAL_KMS_KEY_UNKNOWN');
      const dataKey = await kit.kms.unwrap(wrapped, ctx, new AbortController().signal);
      handedOut.push(dataKey);
      return dataKey;
    },
  };
  const key = createSecretKey(Buffer.alloc(32, 7));
  service = createLeaseService({
    pods,
    bindings,
    providers: { get: builtIn, fingerprint: (name) => name },
    fetchPod: async () => undefined,
    identify: async () => ({
      namespace: NAMESPACE,
      podName: POD_NAME,
      podUid: POD_UID,
      serviceAccountName: SERVICE_ACCOUNT,
    }),
    injectionKeys: () => signer.publicKeys(),
    apiAudiences: [],
    dataKeys,
    leaseIds: createLeaseIds(
      () => key,
      () => NOW_MS,
    ),
    rateLimit: { take: () => ({ ok: true }) },
    sealed: { report: (uid, outcomes) => reported.push([uid, outcomes]) },
    caBundle: () => caBundle,
    ready: () => true,
    ttlSeconds: 900,
    clock: () => NOW_MS,
    log: pino({ level: 'silent' }),
    observeRefusal: () => undefined,
  });
});

function changed(spec: Partial<SeksBinding['spec']>): SeksBinding {
  const binding = researchBinding(spec);
  return { ...binding, metadata: { ...binding.metadata, generation: 2, resourceVersion: '2' } };
}

describe('S12: what happens while the KMS works', () => {
  test.each<[string, () => void, string]>([
    ['suspension', () => bindings.upsert(changed({ suspend: true })), 'SEKS_BINDING_SUSPENDED'],
    ['deletion', () => bindings.remove(researchBinding()), 'SEKS_BINDING_DELETED'],
    ['another source', () => bindings.upsert(changed({ credentials: [] })), 'SEKS_CREDENTIAL_REMOVED'],
  ])('%s of the binding: no data key leaves', async (_, change, code) => {
    meanwhile = change;
    const lease = await service.grant(await service.admit(podToken()), request);
    expect(lease.credentials).toEqual([]);
    expect(lease.refusals).toMatchObject([{ credential: 'openai', code }]);
  });

  test('termination of the pod: no lease', async () => {
    const pod = injectedPod();
    const metadata = { ...pod.metadata, deletionTimestamp: '2026-03-01T12:00:00Z', resourceVersion: '2' };
    meanwhile = () => pods.upsert({ ...pod, metadata });
    const lease = service.grant(await service.admit(podToken()), request);
    await expect(lease).rejects.toMatchObject({ code: 'SEKS_LEASE_POD_TERMINATING' });
  });
});

describe('the lease id says whether the stream starts with news', () => {
  const isCurrent = async (between: () => void): Promise<boolean> => {
    const admitted = await service.admit(podToken());
    const { id } = await service.grant(admitted, request);
    between();
    return (await service.follow(admitted, id)).isCurrent;
  };

  test('nothing new', async () => {
    expect(await isCurrent(() => undefined)).toBe(true);
  });

  test.each<[string, () => void]>([
    ['the binding changed', () => bindings.upsert(changed({ agent: 'x' }))],
    ['the CA changed', () => void (caBundle = 'CA 2')],
  ])('%s', async (_, between) => {
    expect(await isCurrent(between)).toBe(false);
  });
});

test('S1: data keys are overwritten once they are in the answer', async () => {
  await service.grant(await service.admit(podToken()), request);
  expect(handedOut).toHaveLength(1);
  expect(handedOut[0]?.reveal((bytes) => bytes.every((byte) => byte === 0))).toBe(true);
});

test('tells the condition what each credential met', async () => {
  await service.grant(await service.admit(podToken()), request);
  await service.grant(await service.admit(podToken()), leaseFor([MISSING, MISSING]));
  expect(reported).toMatchObject([
    ['uid-of-research', [{ credential: 'openai' }]],
    [
      'uid-of-research',
      [{ credential: 'openai', error: { code: 'SEKS_SECRET_MISSING' }, source: { secret: 'alice-keys' } }],
    ],
  ]);
  expect(reported[0]?.[1][0]?.error).toBeUndefined();
});

test('S7: an unexpected error is an error, not a refusal', async () => {
  meanwhile = () => {
    throw new TypeError('boom');
  };
  await expect(service.grant(await service.admit(podToken()), request)).rejects.toThrow(TypeError);
});
