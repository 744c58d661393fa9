import { describe, expect, test } from '@jest/globals';
import { BUILT_IN_PROVIDERS } from '@seks/crds';
import fc from 'fast-check';

import { compilePolicy } from './policy.ts';

const HOST = 'api.provider.example';

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
    ['GET', '/v1/files/  secret. ./ .', false, '/v1/files/secret'],
    ['GET', '/v1/files/.secret', true, '/v1/files/**'],
  ])('%s %s is allowed: %s by %s', (method, path, allowed, route) => {
    expect(policy.decide(method, HOST, path)).toEqual({ allowed, route });
    expect(policy.decide(method, HOST, path)).toEqual({ allowed, route });
  });

  test('S7: without rules nothing is allowed', () => {
    expect(compilePolicy({ allow: [], deny: [] }).decide('GET', HOST, '/')).toEqual({
      allowed: false,
      route: undefined,
    });
  });

  test('S7: more paths than are remembered are still decided', () => {
    for (let i = 0; i < 2000; i += 1) {
      expect(policy.decide('GET', HOST, `/v1/models/${i}`).allowed).toBe(true);
      expect(policy.decide('GET', HOST, `/v1/else/${i}`).allowed).toBe(false);
    }
    expect(policy.decide('GET', HOST, `/v1/models/${'x'.repeat(1000)}`).allowed).toBe(true);
  });

  test.each([
    ['full stops', `/v1/${'.'.repeat(200_000)}x`],
    ['spaces', `/v1/${' '.repeat(200_000)}x`],
    ['both', `/v1/${'. '.repeat(100_000)}x`],
    ['slashes that are left', `${'/ '.repeat(100_000)}x`],
    ['slashes', `${'/'.repeat(200_000)}x`],
  ])('S12: work grows with the length of a path, not with its square: %s', (_, path) => {
    const startMs = performance.now();
    expect(policy.decide('GET', HOST, path).allowed).toBe(false);
    // In a path of this length the square is half a minute; one of 16 KB, sent again and again, kept a revocation from being heard.
    expect(performance.now() - startMs).toBeLessThan(3_000);
  });

  test('deny beats allow on every host, and its own hosts only where it names some', () => {
    const hosts = compilePolicy({
      allow: [{ paths: ['/**'] }, { hosts: ['a.example'], paths: ['/keys/open'] }],
      deny: [{ paths: ['/keys/**'] }, { hosts: ['A.example'], paths: ['/admin'] }],
    });
    for (const host of ['a.example', 'b.example', '*.gg.example']) {
      expect(hosts.decide('GET', host, '/keys/open').allowed).toBe(false);
      expect(hosts.decide('GET', host, '/else').allowed).toBe(true);
    }
    expect(hosts.decide('GET', 'a.example', '/admin')).toEqual({ allowed: false, route: '/admin' });
    expect(hosts.decide('GET', 'b.example', '/admin')).toEqual({ allowed: true, route: '/**' });
  });

  test('S4: a rule with hosts allows nothing elsewhere, and what is remembered of one host is not told of another', () => {
    const one = compilePolicy({ allow: [{ hosts: ['a.example', '*.gg.example'], paths: ['/x'] }], deny: [] });
    for (let again = 0; again < 2; again += 1) {
      expect(one.decide('GET', 'a.example', '/x').allowed).toBe(true);
      expect(one.decide('GET', 'A.EXAMPLE', '/x').allowed).toBe(true);
      expect(one.decide('GET', '*.gg.example', '/x').allowed).toBe(true);
      expect(one.decide('GET', 'b.example', '/x').allowed).toBe(false);
      expect(one.decide('GET', 'a.example.evil', '/x').allowed).toBe(false);
      expect(one.decide('GET', '', '/x').allowed).toBe(false);
    }
  });

  test('hosts that never get the key: deny rules count, nothing has to be allowed, and the path is not written down', () => {
    const none = compilePolicy({ allow: [], deny: [{ paths: ['/private/**'] }] });
    expect(none.decide('GET', 'cdn.example', '/signed?x', false)).toEqual({ allowed: true, route: '/**' });
    expect(none.decide('GET', 'cdn.example', '/Private/x', false).allowed).toBe(false);
    // Nor is it remembered for a host that gets the key.
    expect(none.decide('GET', 'cdn.example', '/signed?x', true).allowed).toBe(false);
    expect(none.decide('GET', 'cdn.example', '/signed?x').allowed).toBe(false);
  });

  test('a token in the path is masked before it comes here', () => {
    const bot = compilePolicy({
      allow: [{ paths: ['/bot{token}/*', '/file/bot{token}/**'] }],
      deny: [{ paths: ['/bot{token}/setWebhook', '/bot{token}/logOut'] }],
    });
    expect(bot.decide('GET', HOST, '/bot{token}/getMe').allowed).toBe(true);
    expect(bot.decide('GET', HOST, '/bot123:abc/getMe').allowed).toBe(false);
    expect(bot.decide('POST', HOST, '/bot{token}/setwebhook').allowed).toBe(false);
    expect(bot.decide('POST', HOST, '/BOT{TOKEN}/SETWEBHOOK/').allowed).toBe(false);
  });

  test('S13: no rule of a binding lifts what the provider denies', () => {
    const segment = fc.constantFrom('keys', 'KEYS', 'Keys.', 'keys ', 'ke\u017fys', 'x', 'v1', '');
    const path = fc.array(segment, { maxLength: 4 }).map((parts) => `/${parts.join('/')}`);
    const hosts = fc.option(fc.subarray(['a.example', 'b.example'], { minLength: 1 }), { nil: undefined });
    fc.assert(
      fc.property(path, fc.constantFrom('a.example', 'b.example'), hosts, (text, host, allowHosts) => {
        const rule = { paths: ['/**', text], ...(allowHosts === undefined ? {} : { hosts: allowHosts }) };
        const both = compilePolicy({ allow: [rule], deny: [{ paths: ['/**/keys', '/**/keys/**'] }] });
        const denied = /\/keys(?:[. ]*)(?:\/|$)/i.test(text);
        if (denied) expect(both.decide('GET', host, text).allowed).toBe(false);
        else expect(both.decide('GET', host, text).allowed).toBe(allowHosts?.includes(host) ?? true);
      }),
      { numRuns: 1000 },
    );
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
    expect(compilePolicy({ allow: [{ paths: ['/**'] }], deny }).decide('POST', HOST, path).allowed).toBe(
      false,
    );
  });
});
