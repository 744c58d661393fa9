// Forwarders to upstreams on the loopback interface, which the product's address rules refuse: the lookup is handed in here, as an
// argument, and there is no setting that could do so.
import type { Agent as PlainAgent } from 'node:http';
import type { LookupFunction } from 'node:net';

import { createForwarder, type ForwarderKind } from '../forward/forwarder-kinds.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import { createHttpProxyForwarder } from '../forward/http-proxy-forwarder.ts';
import { createRoutedForwarder } from '../forward/routed-forwarder.ts';
import { createUndiciForwarder } from '../forward/undici-forwarder.ts';
import { agentOf } from '../forward/upstream-agent.ts';
import { type ConnectUpstream, createUpstreamConnector } from '../forward/upstream-connector.ts';
import type { LinkFor, UpstreamLink } from '../lease/granted-credential.ts';

/** addresses by host; `*` stands for all others */
export type TestAddresses = Readonly<Record<string, readonly string[]>>;

export interface TestLinkOptions {
  addresses: TestAddresses;
  /** makes it speak plain HTTP, by node:http */
  plainAgent?: PlainAgent | undefined;
  idleTimeoutMs?: number | undefined;
  kind?: ForwarderKind | undefined;
}

/** links with fixed addresses, kept by upstream as in the product */
export function createTestLinks(options: TestLinkOptions): LinkFor {
  const links = new Map<string, UpstreamLink>();
  return ({ spec }, { host, port, network }) => {
    const key = JSON.stringify([host, port, network, spec.caBundle]);
    let link = links.get(key);
    if (link === undefined) {
      const lookup = fixedLookup(options.addresses);
      const connect = createUpstreamConnector({ host, network, lookup, caBundle: spec.caBundle });
      link = { forwarder: forwarderTo(host, port, connect, options), agent: agentOf(connect) };
      links.set(key, link);
    }
    return link;
  };
}

function forwarderTo(
  host: string,
  port: number,
  connect: ConnectUpstream,
  { addresses, plainAgent, idleTimeoutMs, kind = 'routed' }: TestLinkOptions,
): Forwarder {
  const idle = idleTimeoutMs === undefined ? {} : { idleTimeoutMs };
  if (plainAgent === undefined) {
    return createForwarder(kind, { origin: new URL(`https://${host}:${port}`), connect, ...idle });
  }
  const origin = new URL(`http://${addresses[host]?.[0] ?? host}:${port}`);
  return createRoutedForwarder({
    exchanges: createUndiciForwarder({ origin, ...idle }),
    uploads: createHttpProxyForwarder({ origin, agent: plainAgent, ...idle }),
  });
}

/** a lookup that knows these names only, and asks no rule */
export function fixedLookup(addresses: TestAddresses): LookupFunction {
  return (hostname, options, callback) => {
    const found = (addresses[hostname] ?? addresses['*'] ?? []).map((address) => ({
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
