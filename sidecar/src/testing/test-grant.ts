// Credentials as a lease grants them, for tests that need one but do not care how it came about.
import { Agent } from 'node:https';

import { Secret } from '@seks/crds';

import { type GrantedCredential, grantCredential, type LinkFor } from '../lease/granted-credential.ts';
import { KeyVault } from '../lease/key-vault.ts';
import { createLimitKeeper, type LimitKeeper } from '../limits/credential-limits.ts';
import { testProvider } from './sealed-source.ts';

/** links that lead nowhere */
export const noLink: LinkFor = () => ({
  forwarder: { forward: () => ({ destroy() {} }) },
  agent: new Agent(),
});

/** limits that are kept by a clock that stands still */
export function testLimits(): LimitKeeper['limitsFor'] {
  return createLimitKeeper({ nowMs: () => 0, wallClock: () => 0 }).limitsFor;
}

/** a granted credential of a provider of this name */
export function testGrant(key = 'sk-key-0123456789', providerName = 'openai'): GrantedCredential {
  return grantCredential({
    leased: {
      agent: 'research',
      tier: 'user',
      provider: testProvider(providerName),
      policy: { allow: [], deny: [] },
    },
    vault: new KeyVault(new Secret('provider-key', key)),
    limits: testLimits()(providerName),
    linkFor: noLink,
  });
}
