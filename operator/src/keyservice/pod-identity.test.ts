import { describe, expect, test } from '@jest/globals';
import { Secret } from '@seks/crds';

import { KubeApiError } from '../kube/conflict.ts';
import type { KubeApi } from '../kube/kube-api.ts';
import type { TokenReview } from '../kube/objects.ts';
import { createPodIdentifier } from './pod-identity.ts';
import {
  NAMESPACE,
  NOW_MS,
  POD_NAME,
  POD_UID,
  SERVICE_ACCOUNT,
  podToken,
  reviewStatus,
} from './testing/fixture.ts';

function setUp(status: () => unknown = reviewStatus) {
  const reviews: TokenReview['spec'][] = [];
  const time = { nowMs: NOW_MS };
  const api: Pick<KubeApi, 'create'> = {
    async create(_resource, object) {
      reviews.push((object as TokenReview).spec);
      return { ...object, status: status() };
    },
  };
  return { identify: createPodIdentifier({ api, clock: () => time.nowMs }), reviews, time };
}

test('a good token names its pod; our audience is asked for', async () => {
  const { identify, reviews } = setUp();
  expect(await identify(podToken())).toEqual({
    namespace: NAMESPACE,
    podName: POD_NAME,
    podUid: POD_UID,
    serviceAccountName: SERVICE_ACCOUNT,
  });
  expect(reviews.map(({ audiences }) => audiences)).toEqual([['seks-keyservice']]);
});

describe('cache', () => {
  test('asks once a minute for one token', async () => {
    const { identify, reviews, time } = setUp();
    await Promise.all([identify(podToken()), identify(podToken())]);
    time.nowMs += 59_999;
    await identify(podToken());
    expect(reviews).toHaveLength(1);
    time.nowMs += 1;
    await identify(podToken());
    expect(reviews).toHaveLength(2);
  });

  test('S16: another token is another question', async () => {
    const { identify, reviews } = setUp();
    await identify(podToken({ jti: '1' }));
    await identify(podToken({ jti: '2' }));
    expect(reviews).toHaveLength(2);
  });

  test('never outlives the token', async () => {
    const { identify, time } = setUp();
    const token = podToken({ exp: NOW_MS / 1000 + 10 });
    await identify(token);
    time.nowMs += 10_000;
    await expect(identify(token)).rejects.toMatchObject({ code: 'SEKS_LEASE_TOKEN_INVALID' });
  });

  test('keeps no refusal', async () => {
    let isKnown = false;
    const { identify } = setUp(() => (isKnown ? reviewStatus() : { authenticated: false }));
    await expect(identify(podToken())).rejects.toMatchObject({ code: 'SEKS_LEASE_TOKEN_INVALID' });
    isKnown = true;
    expect(await identify(podToken())).toMatchObject({ podUid: POD_UID });
  });
});

const extra = (change: Record<string, string[]>) => () =>
  reviewStatus({
    extra: {
      'authentication.kubernetes.io/pod-name': [POD_NAME],
      'authentication.kubernetes.io/pod-uid': [POD_UID],
      ...change,
    },
  });

describe('S3: refused by what TokenReview says', () => {
  test.each<[string, () => unknown]>([
    ['not authenticated', () => ({ ...reviewStatus(), authenticated: false })],
    ['no status at all', () => undefined],
    ['another audience', () => ({ ...reviewStatus(), audiences: ['https://kubernetes.default.svc'] })],
    ['no audience', () => ({ ...reviewStatus(), audiences: undefined })],
    ['a person', () => reviewStatus({ username: 'alice' })],
    ['a node', () => reviewStatus({ username: 'system:node:node-1' })],
    ['a strange name', () => reviewStatus({ username: 'system:serviceaccount:a:b:c' })],
    ['an empty namespace', () => reviewStatus({ username: 'system:serviceaccount::b' })],
    ['not bound to a pod', extra({ 'authentication.kubernetes.io/pod-uid': [] })],
    ['bound to a pod without a name', extra({ 'authentication.kubernetes.io/pod-name': [] })],
    ['no user', () => ({ authenticated: true, audiences: ['seks-keyservice'] })],
  ])('%s', async (_, status) => {
    const { identify } = setUp(status);
    await expect(identify(podToken())).rejects.toMatchObject({ code: 'SEKS_LEASE_TOKEN_INVALID' });
  });
});

describe('S3: refused without asking the API server', () => {
  test.each<[string, Secret<'pod-token'>]>([
    ['no JWT', new Secret('pod-token', 'token')],
    ['a broken payload', new Secret('pod-token', 'a.b.c')],
    ['another audience', podToken({ aud: ['other'] })],
    ['no audience', podToken({ aud: undefined })],
    ['expired', podToken({ exp: NOW_MS / 1000 })],
    ['no expiry', podToken({ exp: undefined })],
  ])('%s', async (_, token) => {
    const { identify, reviews } = setUp();
    await expect(identify(token)).rejects.toMatchObject({ code: 'SEKS_LEASE_TOKEN_INVALID' });
    expect(reviews).toEqual([]);
  });

  test('the audience may be a single text', async () => {
    const { identify } = setUp();
    expect(await identify(podToken({ aud: 'seks-keyservice' }))).toMatchObject({ podUid: POD_UID });
  });
});

test.each([
  { error: new KubeApiError(403, 'Forbidden', 'POST: 403') },
  { error: new TypeError('fetch failed') },
])(
  'S7: an API server that does not answer is our problem, not the token: $error.message',
  async ({ error }) => {
    const { identify } = setUp(() => {
      throw error;
    });
    await expect(identify(podToken())).rejects.toMatchObject({
      code: 'SEKS_KEYSERVICE_NOT_READY',
      cause: error,
    });
  },
);
