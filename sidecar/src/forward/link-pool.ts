// One link for each upstream, kept over leases so that connections live on. Connections carry no credential.
import type { LinkFor, UpstreamLink } from '../lease/granted-credential.ts';
import { createEgressLookup, type ResolveAddresses } from './egress-lookup.ts';
import { createForwarder, type ForwarderKind } from './forwarder-kinds.ts';
import { agentOf } from './upstream-agent.ts';
import { createUpstreamConnector } from './upstream-connector.ts';

/** hosts of patterns come from the provider's answers, so their number is not known beforehand */
const MAX_LINKS = 64;

/** finds or makes the link to a host of a provider */
export function createLinkPool(resolve: ResolveAddresses, kind: ForwarderKind = 'routed'): LinkFor {
  const links = new Map<string, UpstreamLink>();
  return ({ spec }, { host, port, network }) => {
    const key = JSON.stringify([host, port, network, spec.caBundle]);
    const known = links.get(key);
    if (known !== undefined) return known;
    const lookup = createEgressLookup(resolve, network);
    const connect = createUpstreamConnector({ host, network, lookup, caBundle: spec.caBundle });
    const origin = new URL(`https://${host}:${port}`);
    const created = { forwarder: createForwarder(kind, { origin, connect }), agent: agentOf(connect) };
    // The idle connections of forgotten links close by themselves.
    if (links.size >= MAX_LINKS) links.clear();
    links.set(key, created);
    return created;
  };
}
