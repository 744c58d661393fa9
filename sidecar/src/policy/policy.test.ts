import { describe, expect, test } from '@jest/globals';
import { BUILT_IN_PROVIDERS } from '@seks/crds';

import { compilePolicy } from './policy.ts';

describe('compilePolicy', () => {
  const policy = compilePolicy({
    allow: [
      { methods: ['post'], paths: ['/v1/chat/completions'] },
      { paths: ['/v1/models', '/v1/models/*'] },
      { paths: ['/v1/files/**'] },
    ],
    deny: [
      { paths: ['/v1/files/secret', '/v1/files/secret/**'] },
      { methods: ['DELETE'], paths: ['/v1/files/**'] },
    ],
  });

  test.each([
    ['POST', '/v1/chat/completions', true, '/v1/chat/completions'],
    ['GET', '/v1/chat/completions', false, undefined],
    ['GET', '/v1/models/x', true, '/v1/models/*'],
    ['GET', '/v1/other', false, undefined],
    ['GET', '/V1/models', false, undefined],
    ['GET', '/v1/files/a', true, '/v1/files/**'],
    ['DELETE', '/v1/files/a', false, '/v1/files/**'],
    ['GET', '/v1/files/secret', false, '/v1/files/secret'],
    ['GET', '/v1/files/SECRET', false, '/v1/files/secret'],
    ['GET', '/v1/files/secret/', false, '/v1/files/secret'],
    ['GET', '/v1/files/Secret/x', false, '/v1/files/secret/**'],
    ['GET', '/v1/files/secret./x', false, '/v1/files/secret/**'],
    ['GET', '/v1/files/secret /x', false, '/v1/files/secret/**'],
    ['GET', '/v1/files/ secret', false, '/v1/files/secret'],
    ['GET', '/v1/files/\uff53ecret/', false, '/v1/files/secret'],
    ['GET', '/v1/files/\u017fecret', false, '/v1/files/secret'],
  ])('%s %s is allowed: %s by %s', (method, path, allowed, route) => {
    expect(policy.decide(method, path)).toEqual({ allowed, route });
    expect(policy.decide(method, path)).toEqual({ allowed, route });
  });

  test('S7: without rules nothing is allowed', () => {
    expect(compilePolicy({ allow: [], deny: [] }).decide('GET', '/')).toEqual({
      allowed: false,
      route: undefined,
    });
  });

  test('S7: more paths than are remembered are still decided', () => {
    for (let i = 0; i < 2000; i += 1) {
      expect(policy.decide('GET', `/v1/models/${i}`).allowed).toBe(true);
      expect(policy.decide('GET', `/v1/else/${i}`).allowed).toBe(false);
    }
    expect(policy.decide('GET', `/v1/models/${'x'.repeat(1000)}`).allowed).toBe(true);
  });

  test.each([
    ['openai', '/v1/organization/admin_api_keys'],
    ['openai', '/v1/Organization/'],
    ['openai', '/v1/realtime/client_secrets/'],
    ['anthropic', '/v1/oauth/token'],
    ['anthropic', '/v1/organizations'],
    ['gemini', '/v1beta/auth_tokens'],
    ['gemini', '/v1beta/tunedModels/x/permissions'],
    ['gemini', '/v1beta/tunedModels/x:transferOwnership'],
  ])('S13: %s denies %s whatever the binding allows', (name, path) => {
    const provider = BUILT_IN_PROVIDERS.find((candidate) => candidate.name === name);
    const deny = provider?.spec.deny ?? [];
    expect(compilePolicy({ allow: [{ paths: ['/**'] }], deny }).decide('POST', path).allowed).toBe(false);
  });
});
