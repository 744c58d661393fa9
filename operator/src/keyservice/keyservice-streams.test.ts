// The event stream of a lease, as the sidecar of its pod sees it while bindings and pods change.
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { PODS, SEKS_BINDINGS } from '../kube/resources.ts';
import { until } from '../kube/testing/until.ts';
import { NAMESPACE, POD_NAME, podToken, reviewStatus } from './testing/fixture.ts';
import { askLease, call, codeOf, follow, open } from './testing/lease-client.ts';
import { agentPod, startKeyservice } from './testing/running-keyservice.ts';
import type { RunningKeyservice } from './testing/running-keyservice.ts';

let service: RunningKeyservice;

beforeEach(async () => {
  service = await startKeyservice();
});

afterEach(async () => {
  await service.close();
});

describe('the event stream', () => {
  test('S12: tells a suspension while it happens, and its end', async () => {
    const stream = await open(service, (await askLease(service)).id);
    service.putBinding({ suspend: true });
    await until('it is told', () => stream.events.length === 1);
    service.putBinding({ suspend: false });
    await until('the end is told', () => stream.events.length === 2);
    expect(stream.events).toEqual(['revoked SEKS_BINDING_SUSPENDED', 'changed']);
  });

  test('S12: tells what happened before it was opened', async () => {
    const { id } = await askLease(service);
    service.putBinding({ suspend: true });
    await until('the watch has told', async () => (await askLease(service)).refusals.length === 1);
    const stream = await open(service, id);
    await until('it is told', () => stream.events.length >= 1);
    expect(stream.events[0]).toBe('revoked SEKS_BINDING_SUSPENDED');
  });

  test('S12: tells the deletion of binding and pod, and ends with the pod', async () => {
    const stream = await open(service, (await askLease(service)).id);
    service.api.remove(SEKS_BINDINGS, 'research', NAMESPACE);
    await until('it is told', () => stream.events.length === 1);
    service.api.remove(PODS, POD_NAME, NAMESPACE);
    await until('the stream has ended', () => stream.isEnded);
    expect(stream.events).toEqual(['revoked SEKS_BINDING_DELETED', 'revoked SEKS_LEASE_POD_TERMINATING']);
  });

  test('S16: needs the lease id of the same pod', async () => {
    const { id } = await askLease(service);
    service.api.onTokenReview = () => reviewStatus({ extra: otherPod });
    const second = agentPod();
    const metadata = { ...second.metadata, name: 'other', uid: 'other-uid' };
    service.api.put(PODS, { ...second, metadata });
    const stream = follow(service, id, podToken({ jti: 'other' }));
    await until('it is answered', () => stream.status !== 0);
    expect(stream.status).toBe(403);
    expect(codeOf(await call(service, '/v1/leases/forged/events'))).toBe('SEKS_LEASE_ID_INVALID');
  });

  const otherPod = {
    'authentication.kubernetes.io/pod-name': ['other'],
    'authentication.kubernetes.io/pod-uid': ['other-uid'],
  };

  test('S3: needs the token too, the lease id alone is nothing', async () => {
    const { id } = await askLease(service);
    const answer = await call(service, `/v1/leases/${id}/events`, { token: '' });
    expect([answer.status, codeOf(answer)]).toEqual([401, 'SEKS_LEASE_TOKEN_INVALID']);
  });

  test('closes when the process ends', async () => {
    const stream = await open(service, (await askLease(service)).id);
    service.end();
    await until('the stream has ended', () => stream.isEnded);
    expect(stream.events).toEqual([]);
  });
});
