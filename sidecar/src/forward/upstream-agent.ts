// The connections to one upstream: TLS always verified against the pinned name, addresses checked, idle ones kept.
import { Agent, type AgentOptions } from 'node:https';
import { isIP, type LookupFunction, type NetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';

import { SeksError } from '@seks/crds';

import { mayDial, type Network } from './address-rules.ts';
import { refused } from './egress-lookup.ts';

export const CONNECT_TIMEOUT_MS = 10_000;
/** below the idle timeout of common front ends (60 s), so that we close first and no request meets a closing connection */
const FREE_SOCKET_TIMEOUT_MS = 50_000;
const MAX_FREE_SOCKETS = 128;

export interface UpstreamAgentOptions {
  host: string;
  network: Network;
  lookup: LookupFunction;
  /** PEM certificates instead of the public roots */
  caBundle?: string | undefined;
  connectTimeoutMs?: number;
}

/** a keep-alive agent that connects to one upstream only */
export function createUpstreamAgent(options: UpstreamAgentOptions): Agent {
  return new UpstreamAgent(options);
}

class UpstreamAgent extends Agent {
  readonly #upstream: UpstreamAgentOptions;

  constructor(upstream: UpstreamAgentOptions) {
    const options: AgentOptions = {
      keepAlive: true,
      maxFreeSockets: MAX_FREE_SOCKETS,
      scheduling: 'lifo',
      timeout: FREE_SOCKET_TIMEOUT_MS,
      lookup: upstream.lookup,
      // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED means nothing here.
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
      // RFC 6066 §3: an address is no server name.
      servername: isIP(upstream.host) === 0 ? upstream.host : '',
    };
    super(upstream.caBundle === undefined ? options : { ...options, ca: upstream.caBundle });
    this.#upstream = upstream;
  }

  override createConnection(
    options: NetConnectOpts,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    const { host, network, connectTimeoutMs } = this.#upstream;
    // net.connect asks no lookup for an address literal.
    if (isIP(host) !== 0 && !mayDial(host, network)) throw refused(host);
    const socket = super.createConnection(options, callback);
    if (!socket) return socket;
    const timer = setTimeout(() => {
      socket.destroy(new SeksError('SEKS_UPSTREAM_UNREACHABLE', `Host ${host} does not answer.`));
    }, connectTimeoutMs ?? CONNECT_TIMEOUT_MS);
    socket.once('secureConnect', () => clearTimeout(timer));
    socket.once('close', () => clearTimeout(timer));
    return socket;
  }
}
