// Whom the key service refuses a lease, and which requests: each with its status and code.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import type { Pod } from '../kube/objects.ts';
import { PODS } from '../kube/resources.ts';
import { until } from '../kube/testing/until.ts';
import { MISSING, NAMESPACE, POD_NAME, leaseFor, podToken, reviewStatus } from './testing/fixture.ts';
import { askLease, call, codeOf } from './testing/lease-client.ts';
import type { CallOptions } from './testing/lease-client.ts';
import { agentPod, startKeyservice } from './testing/running-keyservice.ts';
import type { RunningKeyservice } from './testing/running-keyservice.ts';

let service: RunningKeyservice;

beforeEach(async () => {
  service = await startKeyservice();
});

afterEach(async () => {
  await service.close();
});

describe('who may ask', () => {
  const body = leaseFor([MISSING, MISSING]);

  test.each<[string, CallOptions['token']]>([
    ['no token', ''],
    ['a token for another audience', podToken({ aud: ['api'] })],
    ['an expired token', podToken({ exp: 1 })],
    ['an oversized token', 'a'.repeat(15_000)],
  ])('S3: 401 for %s, without asking the API server', async (_, token) => {
    const answer = await call(service, '/v1/leases', { method: 'POST', body, token });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'SEKS_LEASE_TOKEN_INVALID']);
    expect(answer.headers['x-seks-error']).toBe('SEKS_LEASE_TOKEN_INVALID');
    expect(service.api.requests).not.toContain('POST /apis/authentication.k8s.io/v1/tokenreviews');
  });

  test('S3: 401 for a token that is not bound to a pod', async () => {
    service.api.onTokenReview = () => reviewStatus({ extra: {} });
    expect(codeOf(await call(service, '/v1/leases', { method: 'POST', body }))).toBe(
      'SEKS_LEASE_TOKEN_INVALID',
    );
  });

  test('503 while the API server does not review tokens', async () => {
    service.api.onTokenReview = () => {
      throw new Error('mock');
    };
    const answer = await call(service, '/v1/leases', { method: 'POST', body });
    expect([answer.status, codeOf(answer)]).toEqual([503, 'SEKS_KEYSERVICE_NOT_READY']);
    expect(answer.headers['retry-after']).toBe('2');
  });

  test('403 for a pod that nobody knows, or that has the name but not the uid', async () => {
    for (const uid of ['pod-uid-of-nobody', 'pod-uid-of-a-namesake']) {
      service.api.onTokenReview = () =>
        reviewStatus({
          extra: {
            'authentication.kubernetes.io/pod-name': [uid.endsWith('nobody') ? 'nobody' : POD_NAME],
            'authentication.kubernetes.io/pod-uid': [uid],
          },
        });
      const answer = await call(service, '/v1/leases', {
        method: 'POST',
        body,
        token: podToken({ jti: uid }),
      });
      expect([answer.status, codeOf(answer)]).toEqual([403, 'SEKS_LEASE_POD_UNKNOWN']);
    }
  });

  test('a pod that our watch does not know yet is read from the API server', async () => {
    service.api.faults.push(...Array.from({ length: 50 }, () => ({ on: 'watch', what: 'silent' }) as const));
    const fresh = agentPod();
    const metadata = { ...fresh.metadata, name: 'fresh', uid: 'fresh-uid' };
    service.api.dropWatches();
    service.api.put(PODS, { ...fresh, metadata });
    service.api.onTokenReview = () =>
      reviewStatus({
        extra: {
          'authentication.kubernetes.io/pod-name': ['fresh'],
          'authentication.kubernetes.io/pod-uid': ['fresh-uid'],
        },
      });
    const lease = await askLease(service);
    expect(lease.credentials).toHaveLength(1);
    expect(service.api.requests).toContain(`GET /api/v1/namespaces/${NAMESPACE}/pods/fresh`);
    service.api.faults.length = 0;
  });

  const change = (edit: (pod: Pod) => void): void => {
    const next = structuredClone(service.api.get(PODS, POD_NAME, NAMESPACE)) as unknown as Pod;
    edit(next);
    service.api.put(PODS, next);
  };

  test.each<[string, (pod: Pod) => void, string]>([
    [
      'is being deleted',
      (pod) => void (pod.metadata.deletionTimestamp = '2026-03-01T12:00:05Z'),
      'POD_TERMINATING',
    ],
    ['has finished', (pod) => void (pod.status = { phase: 'Failed' }), 'POD_TERMINATING'],
    ['lost its label', (pod) => void delete pod.metadata.labels?.['seks.ai/injected'], 'POD_UNKNOWN'],
    [
      'lost its seal',
      (pod) => void delete pod.metadata.annotations?.['seks.ai/injection-seal'],
      'POD_NOT_SEALED',
    ],
    [
      'runs another sidecar image',
      (pod) => {
        const [sidecar] = pod.spec.initContainers ?? [];
        if (sidecar !== undefined) sidecar['image'] = 'registry.example/evil:1';
      },
      'POD_NOT_SEALED',
    ],
    [
      'has a container that mounts our volume',
      (pod) => void pod.spec.containers[0]?.volumeMounts?.push({ name: 'seks-private', mountPath: '/x' }),
      'POD_NOT_SEALED',
    ],
  ])('S11: 403 for a pod that %s', async (_, edit, code) => {
    change(edit);
    const answer = await until('the watch has told', async () => {
      const got = await call(service, '/v1/leases', { method: 'POST', body });
      return got.status === 200 ? undefined : got;
    });
    expect([answer.status, codeOf(answer)]).toEqual([403, `SEKS_LEASE_${code}`]);
  });

  test('429 with Retry-After for a pod that asks too often, and for no other', async () => {
    let answer = await call(service, '/v1/leases', { method: 'POST', body });
    for (let i = 0; answer.status === 200 && i < 100; i += 1)
      answer = await call(service, '/v1/leases', { method: 'POST', body });
    expect([answer.status, codeOf(answer)]).toEqual([429, 'SEKS_LEASE_RATE_LIMITED']);
    expect(answer.headers['retry-after']).toBe('2');
    service.pass(2_000);
    expect((await call(service, '/v1/leases', { method: 'POST', body })).status).toBe(200);
  });
});

describe('what is asked', () => {
  const json = 'application/json';
  test.each<[string, unknown, string]>([
    ['no body', undefined, json],
    ['no JSON', '{', json],
    ['another protocol', { ...leaseFor([MISSING, MISSING]), protocol: 2 }, json],
    ['unknown fields', { ...leaseFor([MISSING, MISSING]), decrypt: 'x' }, json],
    ['another content type', leaseFor([MISSING, MISSING]), 'text/plain'],
    [
      'ciphertext',
      leaseFor([{ state: 'sealed', header: { protected: 'a', ciphertext: 'a' } } as never, MISSING]),
      json,
    ],
    [
      'a credential of others',
      leaseFor([], { credentials: [{ bindingUid: 'x', credential: 'y', sources: [MISSING] }] }),
      json,
    ],
    ['three megabytes', JSON.stringify({ x: 'x'.repeat(3_000_000) }), json],
  ])('S8: 400 for %s', async (_, body, contentType) => {
    const answer = await call(service, '/v1/leases', { method: 'POST', body, contentType });
    expect([answer.status, codeOf(answer)]).toEqual([400, 'SEKS_LEASE_REQUEST_INVALID']);
  });

  test.each([
    ['GET', '/v1/leases'],
    ['POST', '/v1/leases/x/events'],
    ['POST', '/v1/decrypt'],
    ['GET', '/'],
    ['GET', '/metrics'],
  ])('S8: there is no %s %s', async (method, path) => {
    expect((await call(service, path, { method })).status).toBe(404);
  });
});
