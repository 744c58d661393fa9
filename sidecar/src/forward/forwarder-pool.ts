// One forwarder for each upstream, kept over leases so that connections live on. Connections carry no credential.
import type { Provider } from '@seks/crds';

import { createEgressLookup, type ResolveAddresses } from './egress-lookup.ts';
import type { Forwarder } from './forwarder.ts';
import { createHttpProxyForwarder } from './http-proxy-forwarder.ts';
import { createUpstreamAgent } from './upstream-agent.ts';

const MAX_FORWARDERS = 64;

/** finds or makes the forwarder of a provider */
export function createForwarderPool(resolve: ResolveAddresses): (provider: Provider) => Forwarder {
  const forwarders = new Map<string, Forwarder>();
  return ({ spec }) => {
    const [upstream] = spec.upstreams;
    if (upstream === undefined) throw new RangeError('a provider has one upstream');
    const { host, port = 443, network = 'Public' } = upstream;
    const key = JSON.stringify([host, port, network, spec.caBundle]);
    const known = forwarders.get(key);
    if (known !== undefined) return known;
    const lookup = createEgressLookup(resolve, network);
    const agent = createUpstreamAgent({ host, network, lookup, caBundle: spec.caBundle });
    const origin = new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`);
    const created = createHttpProxyForwarder({ origin, agent });
    // Providers change rarely; the idle connections of forgotten agents close by themselves.
    if (forwarders.size >= MAX_FORWARDERS) forwarders.clear();
    forwarders.set(key, created);
    return created;
  };
}
