// A lease without key service: for tests and the benchmark only, not bundled into the product.
import { createHash } from 'node:crypto';

import { type InjectionConfig, type Provider, type RouteRule, Secret, type Tier } from '@seks/crds';

import { credentialKey } from '../credential/tokens.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { KeyVault } from '../lease/key-vault.ts';
import type { GrantedCredential, LeaseState } from '../lease/lease-state.ts';
import { compilePolicy } from '../policy/policy.ts';
import { createHeaderClassifier } from '../request/header-kind.ts';

/** one credential with its fake token and real key in plain text */
export interface StaticCredential {
  provider: Provider;
  token: string;
  key: string;
  agent?: string;
  container?: string;
  name?: string;
  bindingUid?: string;
  tier?: Tier;
  allow?: RouteRule[];
  deny?: RouteRule[];
}

/** the part of an injection config that the token table is made of */
export function staticBindings(credentials: readonly StaticCredential[]): Pick<InjectionConfig, 'bindings'> {
  return {
    bindings: credentials.map((credential) => ({
      uid: bindingUidOf(credential),
      name: 'static',
      agent: credential.agent ?? 'agent',
      credentials: [
        {
          name: nameOf(credential),
          provider: credential.provider.name,
          sources: [{ tier: credential.tier ?? 'user', secret: 'static', key: nameOf(credential) }],
          tokens: [{ container: credential.container ?? 'main', sha256: sha256(credential.token) }],
        },
      ],
    })),
  };
}

/** a lease that grants all of them */
export function staticLease(
  credentials: readonly StaticCredential[],
  forwarderFor: (provider: Provider) => Forwarder,
  expiresAtMs = Number.POSITIVE_INFINITY,
): LeaseState {
  const granted = new Map<string, GrantedCredential>();
  for (const credential of credentials) {
    const { provider } = credential;
    granted.set(credentialKey({ bindingUid: bindingUidOf(credential), credential: nameOf(credential) }), {
      agent: credential.agent ?? 'agent',
      tier: credential.tier ?? 'user',
      provider,
      policy: compilePolicy({
        allow: credential.allow ?? provider.spec.allow ?? [],
        deny: credential.deny ?? provider.spec.deny ?? [],
      }),
      vault: new KeyVault(new Secret('provider-key', credential.key)),
      forwarder: forwarderFor(provider),
    });
  }
  const headers = credentials.flatMap(({ provider }) => provider.spec.auth.map(({ header }) => header.name));
  const classifier = createHeaderClassifier(new Set(headers.map((name) => name.toLowerCase())));
  return { id: 'static', expiresAtMs, credentials: granted, classifier };
}

function nameOf({ name, provider }: StaticCredential): string {
  return name ?? provider.name;
}

function bindingUidOf(credential: StaticCredential): string {
  return credential.bindingUid ?? `uid-${nameOf(credential)}`;
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
