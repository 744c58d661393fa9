// Forwarders to upstreams on the loopback interface, which the product's address rules refuse: the lookup is handed in here, as an
// argument, and there is no setting that could do so.
import type { Agent } from 'node:http';
import type { LookupFunction } from 'node:net';

import type { Provider } from '@seks/crds';

import type { Forwarder } from '../forward/forwarder.ts';
import { createHttpProxyForwarder } from '../forward/http-proxy-forwarder.ts';
import { createUpstreamAgent } from '../forward/upstream-agent.ts';

/** a forwarder with fixed addresses; `plainAgent` makes it speak plain HTTP */
export function createTestForwarder(
  { spec }: Provider,
  addresses: Readonly<Record<string, readonly string[]>>,
  plainAgent?: Agent,
  idleTimeoutMs?: number,
): Forwarder {
  const { host = '', port = 443, network = 'Public' } = spec.upstreams[0] ?? {};
  const idle = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
  if (plainAgent !== undefined) {
    const address = addresses[host]?.[0] ?? host;
    return createHttpProxyForwarder({
      origin: new URL(`http://${address}:${port}`),
      agent: plainAgent,
      ...idle,
    });
  }
  const agent = createUpstreamAgent({
    host,
    network,
    lookup: fixedLookup(addresses),
    caBundle: spec.caBundle,
  });
  return createHttpProxyForwarder({ origin: new URL(`https://${host}:${port}`), agent, ...idle });
}

/** a lookup that knows these names only, and asks no rule */
export function fixedLookup(addresses: Readonly<Record<string, readonly string[]>>): LookupFunction {
  return (hostname, options, callback) => {
    const found = (addresses[hostname] ?? []).map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }));
    const [first] = found;
    if (first === undefined) {
      callback(Object.assign(new Error(`unknown test host ${hostname}`), { code: 'ENOTFOUND' }), '', 0);
    } else if (options.all === true) callback(null, found);
    else callback(null, first.address, first.family);
  };
}
