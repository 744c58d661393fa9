// Test help: a provider with one credential for each thing that is tried, so that what a test does to one is not seen by another.
import type { ProviderSpec } from '@seks/crds';

import type { StaticCredential } from './static-lease.ts';
import { fakeToken } from './test-sidecar.ts';
import type { TestUpstream } from './tls-upstream.ts';

export interface NamedCredentials {
  /** the credential of a provider of this name */
  make: (
    upstream: TestUpstream,
    name: string,
    spec?: Partial<ProviderSpec>,
    rest?: Partial<StaticCredential>,
  ) => StaticCredential;
  /** the header with its token */
  bearer: (name: string) => { authorization: string };
}

/** remembers the tokens that it makes */
export function createNamedCredentials(): NamedCredentials {
  const tokens = new Map<string, string>();
  return {
    make(upstream, name, spec = {}, rest = {}) {
      const token = fakeToken();
      tokens.set(name, token);
      return {
        provider: upstream.provider(name, spec),
        token,
        key: `sk-CANARY-${name}-0123456789`,
        ...rest,
      };
    },
    bearer(name) {
      const token = tokens.get(name);
      if (token === undefined) throw new Error(`no credential ${name}`);
      return { authorization: `Bearer ${token}` };
    },
  };
}
