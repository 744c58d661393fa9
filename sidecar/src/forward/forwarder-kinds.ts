// The forwarders there are, made over one connector, so that TLS rules, address checks and sessions are the same for all.
import type { Forwarder } from './forwarder.ts';
import { createHttpProxyForwarder } from './http-proxy-forwarder.ts';
import { createRoutedForwarder } from './routed-forwarder.ts';
import { createUndiciForwarder } from './undici-forwarder.ts';
import { agentOf } from './upstream-agent.ts';
import type { ConnectUpstream } from './upstream-connector.ts';

/** what moves the bytes; `routed` chooses for each request */
export type ForwarderKind = 'routed' | 'undici' | 'http-proxy-middleware';

export interface ForwarderOptions {
  /** scheme, host and port of the upstream, without a path */
  origin: URL;
  connect: ConnectUpstream;
  idleTimeoutMs?: number;
}

/** a forwarder of this kind to one origin */
export function createForwarder(kind: ForwarderKind, options: ForwarderOptions): Forwarder {
  if (kind === 'http-proxy-middleware')
    return createHttpProxyForwarder({ ...options, agent: agentOf(options.connect) });
  if (kind === 'undici') return createUndiciForwarder(options);
  return createRoutedForwarder({
    exchanges: createForwarder('undici', options),
    uploads: createForwarder('http-proxy-middleware', options),
  });
}
