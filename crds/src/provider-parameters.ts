// Parts of a provider's hosts that differ by tenant, e.g. the resource in `{resource}.openai.azure.com`.
import { SeksError } from './errors/seks-error.ts';
import type { InterceptMode, Provider, ProviderSpec } from './provider.ts';

/** one DNS label (RFC 1123): a value can never add a dot, and so never leave the provider's domain */
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const PLACEHOLDER = /\{([a-z][a-zA-Z0-9]*)\}/g;

/**
 * the provider with the binding's values in its hosts
 *
 * @throws SeksError SEKS_PARAMETER_INVALID if one is missing, unknown or no DNS label
 */
export function fillParameters(provider: Provider, values: Readonly<Record<string, string>> = {}): Provider {
  const known = new Map((provider.spec.parameters ?? []).map((parameter) => [parameter.name, parameter]));
  const unknown = Object.keys(values).find((name) => !known.has(name));
  if (unknown !== undefined) throw invalid(provider, `has no parameter ${unknown}`);
  if (known.size === 0) return provider;
  const fill = (host: string): string =>
    host.replaceAll(PLACEHOLDER, (_, name: string) => {
      const value = Object.hasOwn(values, name) ? values[name] : known.get(name)?.default;
      if (value === undefined) throw invalid(provider, `needs the parameter ${name}`);
      if (!LABEL.test(value)) throw invalid(provider, `takes one DNS label as parameter ${name}`);
      return value;
    });
  const { upstreams, aliases, parameters: _, ...rest } = provider.spec;
  const spec: ProviderSpec = {
    ...rest,
    upstreams: upstreams.map((upstream) => ({ ...upstream, host: fill(upstream.host) })),
  };
  if (aliases !== undefined) {
    spec.aliases = aliases.map((alias) =>
      alias.host === undefined ? alias : { ...alias, host: fill(alias.host) },
    );
  }
  return { name: provider.name, spec };
}

/** names in braces in the hosts of a spec */
export function parametersIn(spec: Pick<ProviderSpec, 'upstreams'>): Set<string> {
  return new Set(
    spec.upstreams.flatMap(({ host }) => [...host.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '')),
  );
}

/** how requests come to the sidecar: the binding's choice, else the provider's, else what its SDKs can do */
export function interceptModes(
  { spec }: Provider,
  chosen: readonly InterceptMode[] | undefined,
): readonly InterceptMode[] {
  return chosen ?? spec.intercept ?? [(spec.env.baseUrl ?? []).length > 0 ? 'BaseURL' : 'HostAlias'];
}

/** hosts that can stand in a certificate and in /etc/hosts: those that get the credential and are no pattern */
export function interceptableHosts({ spec }: Provider): string[] {
  return spec.upstreams
    .filter(
      ({ host, port = 443, auth = 'Required' }) =>
        auth === 'Required' && port === 443 && !host.startsWith('*.'),
    )
    .map(({ host }) => host);
}

function invalid(provider: Provider, detail: string): SeksError {
  return new SeksError('SEKS_PARAMETER_INVALID', `Provider ${provider.name} ${detail}.`);
}
