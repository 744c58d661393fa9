// What a sidecar must enforce for one credential, compiled from provider and binding.
import type { LeasedCredential, Provider, RouteRule, SeksCredential } from '@seks/crds';

export interface PolicyParts {
  /** as its document stands, with parameters in its hosts */
  provider: Provider;
  /** the same provider with the binding's parameters filled in */
  bound: Provider;
  credential: SeksCredential;
}

/** routes, models and limits; `deny` comes from the provider alone and beats what the binding allows (S13) */
export function leasePolicy({ provider, bound, credential }: PolicyParts): LeasedCredential['policy'] {
  const { models, limits } = credential;
  // Rules name hosts as the document writes them; a rule that keeps its `{parameter}` would match no request.
  const filled = new Map(
    provider.spec.upstreams.map(({ host }, index) => [host, bound.spec.upstreams[index]?.host ?? host]),
  );
  const fill = (rule: RouteRule): RouteRule =>
    rule.hosts === undefined ? rule : { ...rule, hosts: rule.hosts.map((host) => filled.get(host) ?? host) };
  return {
    // Absent and empty differ: an empty list allows nothing.
    allow: (credential.allow ?? bound.spec.allow ?? [{ paths: ['/**'] }]).map(fill),
    deny: (bound.spec.deny ?? []).map(fill),
    ...(models === undefined ? {} : { models }),
    ...(limits === undefined ? {} : { limits }),
  };
}
