// Test help: the built-in documents as a sidecar gets them.
import { BUILT_IN_PROVIDERS, fillParameters, type ProviderSpec, type RouteRule } from '@seks/crds';

/** what a binding may allow at most */
export const FREE: RouteRule[] = [{ paths: ['/**'] }];

/** the document of a provider, with `acme` for every parameter */
export function specOf(name: string): ProviderSpec {
  const provider = BUILT_IN_PROVIDERS.find((candidate) => candidate.name === name);
  if (provider === undefined) throw new Error(`no provider ${name}`);
  const values = Object.fromEntries((provider.spec.parameters ?? []).map((each) => [each.name, 'acme']));
  return fillParameters(provider, values).spec;
}
