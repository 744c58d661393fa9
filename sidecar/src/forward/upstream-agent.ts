// An agent of node:https to one upstream: idle connections are kept, and all are opened by the connector.
import { Agent } from 'node:https';
import type { NetConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';

import {
  type ConnectUpstream,
  createUpstreamConnector,
  FREE_SOCKET_TIMEOUT_MS,
  type UpstreamOptions,
} from './upstream-connector.ts';

const MAX_FREE_SOCKETS = 128;

export type UpstreamAgentOptions = UpstreamOptions;

/** a keep-alive agent that connects to one upstream only */
export function createUpstreamAgent(options: UpstreamAgentOptions): Agent {
  return agentOf(createUpstreamConnector(options));
}

/** the same over a connector that others use as well */
export function agentOf(connect: ConnectUpstream): Agent {
  return new UpstreamAgent(connect);
}

class UpstreamAgent extends Agent {
  readonly #connect: ConnectUpstream;

  constructor(connect: ConnectUpstream) {
    super({
      keepAlive: true,
      maxFreeSockets: MAX_FREE_SOCKETS,
      scheduling: 'lifo',
      timeout: FREE_SOCKET_TIMEOUT_MS,
    });
    this.#connect = connect;
  }

  /** one upstream, so one name: Node would join all TLS options, with the certificates, for each request */
  override getName(options?: { port?: number | string | null }): string {
    return String(options?.port);
  }

  override createConnection(options: NetConnectOpts): Duplex {
    const socket = this.#connect('port' in options ? options.port : 443);
    return socket.setTimeout(FREE_SOCKET_TIMEOUT_MS);
  }
}
