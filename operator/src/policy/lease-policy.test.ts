import { describe, expect, test } from '@jest/globals';
import { fillParameters } from '@seks/crds';
import type { LeasedCredential, Provider, SeksCredential } from '@seks/crds';

import { credential } from '../injection/fixtures.ts';
import { leasePolicy } from './lease-policy.ts';

const PROVIDER: Provider = {
  name: 'forge',
  spec: {
    upstreams: [{ host: '{tenant}.forge.example' }, { host: 'uploads.forge.example' }],
    parameters: [{ name: 'tenant' }],
    auth: [{ header: { name: 'authorization' } }],
    env: { key: ['FORGE_TOKEN'] },
    fakeToken: 'fg_{token}',
    allow: [{ paths: ['/v1/**'], hosts: ['{tenant}.forge.example'] }],
    deny: [
      { paths: ['/keys'], hosts: ['uploads.forge.example', '{tenant}.forge.example'] },
      { paths: ['/x'] },
    ],
  },
};

function policy(change: Partial<SeksCredential> = {}, provider = PROVIDER): LeasedCredential['policy'] {
  const bound = fillParameters(provider, { tenant: 'acme' });
  return leasePolicy({ provider, bound, credential: credential(change) });
}

describe('hosts of rules', () => {
  test('S13: a rule that names a host with a parameter denies the host that it stands for', () => {
    expect(policy().deny).toEqual([
      { paths: ['/keys'], hosts: ['uploads.forge.example', 'acme.forge.example'] },
      { paths: ['/x'] },
    ]);
    expect(policy().allow).toEqual([{ paths: ['/v1/**'], hosts: ['acme.forge.example'] }]);
  });

  test('a binding may write the host either way', () => {
    for (const host of ['{tenant}.forge.example', 'acme.forge.example']) {
      expect(policy({ allow: [{ paths: ['/**'], hosts: [host] }] }).allow).toEqual([
        { paths: ['/**'], hosts: ['acme.forge.example'] },
      ]);
    }
  });
});

test('models and limits come from the binding, and are absent where it has none', () => {
  expect(Object.keys(policy())).toEqual(['allow', 'deny']);
  const own = { models: ['m-*'], limits: { concurrentRequests: 2 } };
  expect(policy(own)).toMatchObject(own);
});
