// A credential that may be used, with all that is derived from its provider document and policy: compiled once for each lease, so
// that a request compiles nothing.
import type { Agent } from 'node:https';

import type { LeasedCredential, Provider, Tier } from '@seks/crds';

import type { Forwarder } from '../forward/forwarder.ts';
import type { CredentialLimits } from '../limits/credential-limits.ts';
import { compileGlob } from '../policy/glob.ts';
import { compileModelRules, type ModelRules } from '../policy/models.ts';
import { compilePolicy, type Policy } from '../policy/policy.ts';
import { createHeaderRewriter, type HeaderRewriter } from '../rewrite/rewrite-headers.ts';
import { compileJsonRewrites, type JsonRewrites } from '../rewrite/json-fields.ts';
import { compileUpstreams, type UpstreamHost, type Upstreams } from '../route/upstreams.ts';
import { createErrorMask, type ErrorMask } from '../scrub/mask-error.ts';
import { createPricing, type Pricing } from '../usage/prices.ts';
import type { KeyVault } from './key-vault.ts';

/** the ways to one host of a provider, over the same checked and verified connections */
export interface UpstreamLink {
  forwarder: Forwarder;
  /** for WebSockets */
  agent: Agent;
}

export type LinkFor = (provider: Provider, upstream: UpstreamHost) => UpstreamLink;

/** a credential that may be used, with its opened key */
export interface GrantedCredential {
  agent: string;
  tier: Tier;
  provider: Provider;
  upstreams: Upstreams;
  policy: Policy;
  /** whether a request without token may go to this route: its path holds a credential of its own */
  isKeyless(method: string, host: string, plainPath: string): boolean;
  /** the member that holds the token in the first message of a WebSocket to this path; undefined: the handshake has it */
  messageField(plainPath: string): string | undefined;
  models: ModelRules;
  pricing: Pricing | undefined;
  limits: CredentialLimits;
  /** puts the limits of its lease in force; not before that is the current one: a revocation may come first */
  enforceLimits(): void;
  /** whether streams of this path tell usage only if they are asked to */
  includesUsage(plainPath: string): boolean;
  rewriteHeaders: HeaderRewriter;
  rewrites: JsonRewrites;
  maskError: ErrorMask;
  vault: KeyVault;
  linkTo(upstream: UpstreamHost): UpstreamLink;
}

export interface GrantParts {
  leased: Pick<LeasedCredential, 'agent' | 'tier' | 'provider' | 'policy'>;
  vault: KeyVault;
  limits: CredentialLimits;
  linkFor: LinkFor;
}

/** compiles one credential of a lease */
export function grantCredential({ leased, vault, limits, linkFor }: GrantParts): GrantedCredential {
  const { agent, tier, provider, policy } = leased;
  const { spec } = provider;
  const includeUsage = (spec.usage?.includeUsage ?? []).map(compileGlob);
  const keyless = compilePolicy({ allow: spec.keyless ?? [], deny: [] });
  return {
    agent,
    tier,
    provider,
    upstreams: compileUpstreams(spec),
    policy: compilePolicy(policy),
    isKeyless: (method, host, path) => keyless.decide(method, host, path).allowed,
    messageField: compileMessageFields(spec.auth),
    models: compileModelRules(spec.modelFrom, policy),
    pricing: spec.prices === undefined ? undefined : createPricing(spec.prices),
    limits,
    enforceLimits: () => limits.change(policy.limits),
    includesUsage: (path) => includeUsage.some((glob) => glob(path)),
    rewriteHeaders: createHeaderRewriter(spec.rewrite?.headers ?? []),
    rewrites: compileJsonRewrites(spec.rewrite ?? {}),
    maskError: createErrorMask(spec.keyPrefixes ?? [], vault.key),
    vault,
    linkTo: (upstream) => linkFor(provider, upstream),
  };
}

function compileMessageFields(auth: Provider['spec']['auth']): (plainPath: string) => string | undefined {
  const places = auth.flatMap((placement) =>
    'webSocketMessage' in placement ? [placement.webSocketMessage] : [],
  );
  const compiled = places.map(({ field, paths }) => ({ field, globs: paths.map(compileGlob) }));
  return (path) => compiled.find(({ globs }) => globs.some((glob) => glob(path)))?.field;
}
