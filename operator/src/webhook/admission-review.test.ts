import { describe, expect, test } from '@jest/globals';
import { ERRORS, SeksError } from '@seks/crds';

import { allow, allowWithPatch, deny, parseReview } from './admission-review.ts';

const REVIEW = {
  apiVersion: 'admission.k8s.io/v1',
  kind: 'AdmissionReview',
  request: {
    uid: 'u1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    resource: { group: '', version: 'v1', resource: 'pods' },
    operation: 'CREATE',
    namespace: 'agents',
    object: { anything: [1] },
  },
};

describe('parseReview', () => {
  test('reads an AdmissionReview v1 and ignores what it does not know', () => {
    expect(parseReview(JSON.stringify({ ...REVIEW, more: 1 }))).toMatchObject({
      uid: 'u1',
      operation: 'CREATE',
      namespace: 'agents',
      object: { anything: [1] },
    });
  });

  test.each([
    ['no JSON', '{"apiVersion"'],
    ['nothing', ''],
    ['a list', '[]'],
    ['null', 'null'],
    ['the beta version', JSON.stringify({ ...REVIEW, apiVersion: 'admission.k8s.io/v1beta1' })],
    ['another kind', JSON.stringify({ ...REVIEW, kind: 'Pod' })],
    ['no request', JSON.stringify({ ...REVIEW, request: undefined })],
    ['no uid', JSON.stringify({ ...REVIEW, request: { ...REVIEW.request, uid: undefined } })],
    ['an empty uid', JSON.stringify({ ...REVIEW, request: { ...REVIEW.request, uid: '' } })],
    ['an unknown operation', JSON.stringify({ ...REVIEW, request: { ...REVIEW.request, operation: 'X' } })],
    ['dryRun as text', JSON.stringify({ ...REVIEW, request: { ...REVIEW.request, dryRun: 'false' } })],
  ])('refuses %s', (_, text) => {
    expect(parseReview(text)).toBeUndefined();
  });
});

describe('answers', () => {
  test('allow has no patch', () => {
    expect(allow('u1')).toEqual({
      apiVersion: 'admission.k8s.io/v1',
      kind: 'AdmissionReview',
      response: { uid: 'u1', allowed: true },
    });
  });

  test('a patch travels in base64, warnings at most 256 characters long', () => {
    const patch = [{ op: 'add' as const, path: '/x', value: 'é' }];
    const { response } = allowWithPatch('u1', patch, ['short', 'x'.repeat(400)]);
    expect(response.patchType).toBe('JSONPatch');
    expect(JSON.parse(Buffer.from(response.patch ?? '', 'base64').toString('utf8'))).toEqual(patch);
    expect(response.warnings?.[0]).toBe('seks: short');
    expect(response.warnings?.[1]).toHaveLength(256);
  });

  test('no warnings, no field', () => {
    expect(allowWithPatch('u1', [], []).response).not.toHaveProperty('warnings');
  });

  test('a denial carries code, detail and hint', () => {
    const { response } = deny('u1', new SeksError('SEKS_INJECT_ISOLATION', 'spec.hostPID must not be true.'));
    expect(response).toMatchObject({ uid: 'u1', allowed: false, status: { code: 403, reason: 'Forbidden' } });
    expect(response.status?.message).toMatch(
      /^SEKS_INJECT_ISOLATION: .* spec\.hostPID must not be true\. Remove/,
    );
    expect(response.status?.message).toContain(ERRORS.SEKS_INJECT_ISOLATION.hint);
  });

  test.each([
    ['SEKS_INJECT_NOT_READY', 503, 'ServiceUnavailable'],
    ['SEKS_INTERNAL', 500, 'InternalError'],
    ['SEKS_PROVIDER_UNKNOWN', 403, 'Forbidden'],
  ] as const)('%s is status %i %s', (code, status, reason) => {
    expect(deny('u1', new SeksError(code)).response.status).toMatchObject({ code: status, reason });
  });
});
