import { describe, expect, test } from '@jest/globals';
import type { Provider, ProviderSpec, SeksCredential } from '@seks/crds';

import { credential } from '../injection/fixtures.ts';
import { boundProvider, limitsProblem } from './bound-provider.ts';

function provider(spec: Partial<ProviderSpec> = {}): Provider {
  return {
    name: 'forge',
    spec: {
      upstreams: [{ host: 'api.forge.example' }],
      auth: [{ header: { name: 'authorization' } }],
      env: { key: ['FORGE_TOKEN'] },
      fakeToken: 'fg_{token}',
      ...spec,
    },
  };
}

test('boundProvider looks the provider up by the name in the credential and fills its hosts', () => {
  const upstreams = [{ host: '{tenant}.forge.example' }];
  const asked: string[] = [];
  const bound = boundProvider(credential({ provider: 'forge', parameters: { tenant: 'acme' } }), (name) => {
    asked.push(name);
    return provider({ upstreams, parameters: [{ name: 'tenant' }] });
  });
  expect(asked).toEqual(['forge']);
  expect(bound.spec.upstreams).toEqual([{ host: 'acme.forge.example' }]);
});

describe('limitsProblem', () => {
  const PRICES = { asOf: '2026-01-01', models: [{ match: '*', input: '1' }] };
  const USAGE = { format: 'OpenAI' } as const;

  test.each<[Partial<SeksCredential>, Partial<ProviderSpec>]>([
    [{}, {}],
    [{ limits: { requestsPerMinute: 1, concurrentRequests: 1 } }, {}],
    [{ models: ['m'] }, { modelFrom: { body: true } }],
    [{ limits: { tokensPerDay: 1 } }, { usage: USAGE }],
    [{ limits: { usdPerDay: '1' } }, { usage: USAGE, prices: PRICES }],
  ])('%j can be kept with %j', (change, spec) => {
    expect(limitsProblem(provider(spec), credential(change))).toBeUndefined();
  });

  test.each<[Partial<SeksCredential>, Partial<ProviderSpec>]>([
    [{ models: ['m'] }, {}],
    [{ limits: { tokensPerDay: 1 } }, { prices: PRICES }],
    [{ limits: { usdPerDay: '1' } }, { usage: USAGE }],
    [{ limits: { usdPerDay: '1' } }, { prices: PRICES }],
  ])('S7: %j cannot be kept with %j', (change, spec) => {
    const problem = limitsProblem(provider(spec), credential(change));
    expect(problem?.code).toBe('SEKS_LIMIT_UNENFORCEABLE');
    expect(problem?.message).toContain('forge');
  });
});
