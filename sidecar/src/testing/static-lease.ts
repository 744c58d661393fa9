// A lease without key service: for tests and the benchmark only, not bundled into the product.
import { createHash } from 'node:crypto';

import {
  type InjectionConfig,
  type Limits,
  type Provider,
  type RouteRule,
  Secret,
  type Tier,
} from '@seks/crds';

import { indexPlacements } from '../credential/placement-index.ts';
import { credentialKey } from '../credential/tokens.ts';
import { type LinkFor, grantCredential, type GrantedCredential } from '../lease/granted-credential.ts';
import { KeyVault } from '../lease/key-vault.ts';
import type { LeaseState } from '../lease/lease-state.ts';
import type { CredentialLimits } from '../limits/credential-limits.ts';
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
  models?: string[];
  limits?: Limits;
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
  linkFor: LinkFor,
  limitsFor: (key: string) => CredentialLimits,
  expiresAtMs = Number.POSITIVE_INFINITY,
): LeaseState {
  const granted = new Map<string, GrantedCredential>();
  for (const credential of credentials) {
    const { provider, models, limits } = credential;
    const key = credentialKey({ bindingUid: bindingUidOf(credential), credential: nameOf(credential) });
    const policy = {
      allow: credential.allow ?? provider.spec.allow ?? [{ paths: ['/**'] }],
      deny: credential.deny ?? provider.spec.deny ?? [],
      ...(models === undefined ? {} : { models }),
      ...(limits === undefined ? {} : { limits }),
    };
    granted.set(
      key,
      grantCredential({
        leased: { agent: credential.agent ?? 'agent', tier: credential.tier ?? 'user', provider, policy },
        vault: new KeyVault(new Secret('provider-key', credential.key)),
        limits: limitsFor(key),
        linkFor,
      }),
    );
  }
  const placements = indexPlacements(credentials.map(({ provider }) => provider));
  const classifier = createHeaderClassifier(placements.headers);
  return { id: 'static', expiresAtMs, credentials: granted, classifier, placements };
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
