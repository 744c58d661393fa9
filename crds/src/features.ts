// What a sidecar must be able to do before it may have a credential. A sidecar that is older than the operator must not be handed
// a policy that it would leave half enforced (S7), so whatever a provider or a binding asks for has a name here.
import type { LeasedCredential } from './lease-protocol.ts';
import type { Placement, ProviderSpec, UsageFormat } from './provider.ts';

/** everything that this release can enforce */
export const FEATURES = [
  'alias.path',
  'intercept.base-url',
  'key-prefixes',
  'limit.concurrent-requests',
  'limit.requests-per-minute',
  'limit.tokens-per-day',
  'limit.usd-per-day',
  'models',
  'placement.basic',
  'placement.header',
  'placement.path',
  'placement.query',
  'placement.websocket-message',
  'placement.websocket-protocol',
  'prices',
  'protocol.discord-gateway',
  'rewrite.headers',
  'rewrite.redact',
  'rewrite.urls',
  'route.hosts',
  'route.keyless',
  'upstreams',
  'usage.anthropic',
  'usage.bedrock',
  'usage.cohere',
  'usage.gemini',
  'usage.include',
  'usage.openai',
] as const;

export type Feature = (typeof FEATURES)[number];

const OF_FORMAT: Readonly<Record<UsageFormat, Feature>> = {
  OpenAI: 'usage.openai',
  Anthropic: 'usage.anthropic',
  Gemini: 'usage.gemini',
  Cohere: 'usage.cohere',
  Bedrock: 'usage.bedrock',
};

/** features that a sidecar needs for a provider under a policy, sorted */
export function requiredFeatures(spec: ProviderSpec, policy: LeasedCredential['policy']): Feature[] {
  const { rewrite, usage } = spec;
  const { limits } = policy;
  const needed: [Feature, boolean][] = [
    ['alias.path', isSet(spec.aliases)],
    ['intercept.base-url', true],
    ['key-prefixes', isSet(spec.keyPrefixes)],
    ['limit.concurrent-requests', limits?.concurrentRequests !== undefined],
    ['limit.requests-per-minute', limits?.requestsPerMinute !== undefined],
    ['limit.tokens-per-day', limits?.tokensPerDay !== undefined],
    ['limit.usd-per-day', limits?.usdPerDay !== undefined],
    ['models', policy.models !== undefined],
    ...spec.auth.map((placement): [Feature, boolean] => [featureOf(placement), true]),
    ['prices', limits?.usdPerDay !== undefined],
    ['protocol.discord-gateway', spec.protocol === 'DiscordGateway'],
    ['rewrite.headers', isSet(rewrite?.headers)],
    ['rewrite.redact', isSet(rewrite?.redact)],
    ['rewrite.urls', isSet(rewrite?.urls)],
    ['route.hosts', [...policy.allow, ...policy.deny].some(({ hosts }) => hosts !== undefined)],
    ['route.keyless', isSet(spec.keyless)],
    ['upstreams', spec.upstreams.length > 1],
    ['usage.include', isSet(usage?.includeUsage)],
  ];
  if (usage !== undefined) needed.push([OF_FORMAT[usage.format], true]);
  return [...new Set(needed.flatMap(([feature, isNeeded]) => (isNeeded ? [feature] : [])))].sort();
}

function isSet(list: readonly unknown[] | undefined): boolean {
  return list !== undefined && list.length > 0;
}

function featureOf(placement: Placement): Feature {
  if ('header' in placement) return 'placement.header';
  if ('basic' in placement) return 'placement.basic';
  if ('query' in placement) return 'placement.query';
  if ('path' in placement) return 'placement.path';
  if ('webSocketProtocol' in placement) return 'placement.websocket-protocol';
  return 'placement.websocket-message';
}
