// Envelopes and lease answers for tests, made with the product's own sealing.
import { randomBytes } from 'node:crypto';

import {
  type Envelope,
  type LeasedCredential,
  parseEnvelope,
  type Placement,
  type Provider,
  sealKey,
  Secret,
} from '@seks/crds';

import type { TokenEntry } from '../credential/tokens.ts';

/** one sealed key, with what the key service would hand out for it */
export interface SealedSource {
  text: string;
  envelope: Envelope;
  dataKey: string;
}

/** seals a key for a place */
export async function sealFor(
  key: string,
  place: { namespace: string; secret: string; key: string; provider: string },
): Promise<SealedSource> {
  const dataKey = randomBytes(32);
  const edks = [{ kms: 'local' as const, kid: 'test', edk: randomBytes(96).toString('base64url') }];
  const wrapped = { dataKey: new Secret('data-key', dataKey), edks };
  const text = await sealKey(
    new Secret('provider-key', key),
    { scope: 'strict', ...place },
    wrapped,
    randomBytes,
  );
  return { text, envelope: parseEnvelope(text), dataKey: dataKey.toString('base64url') };
}

/** a provider of that name; `auth` are the places that it takes its key in */
export function testProvider(
  name: string,
  auth: Placement[] = [{ header: { name: 'X-Odd-Key' } }],
): Provider {
  return {
    name,
    spec: {
      upstreams: [{ host: `api.${name}.example` }],
      auth,
      env: { key: ['KEY'] },
      fakeToken: 'sk-{token}',
      allow: [{ paths: ['/v1/**'] }],
    },
  };
}

/** the token entry of one credential with sources of the tiers user, builder in Secrets of the same names */
export function testEntry(credential: string, bindingUid = 'b1'): TokenEntry {
  return {
    container: 'main',
    bindingUid,
    binding: 'research',
    agent: 'research',
    credential,
    provider: 'openai',
    sources: [
      { tier: 'user', secret: 'user', key: credential },
      { tier: 'builder', secret: 'builder', key: credential },
    ],
  };
}

/** a grant of an entry's source */
export function grantOf(entry: TokenEntry, source: number, dataKey: string): LeasedCredential {
  return {
    bindingUid: entry.bindingUid,
    credential: entry.credential,
    agent: entry.agent,
    source,
    tier: source === 0 ? 'user' : 'builder',
    dataKey,
    provider: testProvider(entry.provider),
    policy: { allow: [{ paths: ['/v1/**'] }], deny: [] },
  };
}
