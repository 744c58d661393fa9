// A Forwarder on undici's pool, through its lowest interface: no fetch, no streams in between, no copies. It follows no redirects and
// repeats nothing; one connection serves one request at a time.
import type { Dispatcher } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';

import type { Forwarder } from './forwarder.ts';
import { IDLE_TIMEOUT_MS } from './http-proxy-forwarder.ts';
import { UndiciExchange } from './undici-exchange.ts';
import { type ConnectUpstream, FREE_SOCKET_TIMEOUT_MS } from './upstream-connector.ts';

export interface UndiciForwarderOptions {
  /** scheme, host and port of the upstream, without a path */
  origin: URL;
  /** absent: plain connections by undici itself, to an `http:` origin */
  connect?: ConnectUpstream;
  idleTimeoutMs?: number;
}

/** a forwarder to one origin */
export function createUndiciForwarder(options: UndiciForwarderOptions): Forwarder {
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  const { connect } = options;
  const pool: Dispatcher = new Pool(options.origin, {
    allowH2: false,
    pipelining: 1,
    // As many as the agent has connections to us, and those are limited: a long stream must not hold up others.
    connections: null,
    keepAliveTimeout: FREE_SOCKET_TIMEOUT_MS,
    keepAliveMaxTimeout: FREE_SOCKET_TIMEOUT_MS,
    headersTimeout: idleTimeoutMs,
    bodyTimeout: idleTimeoutMs,
    ...(connect === undefined ? {} : { connect: connectorOf(connect) }),
  });
  return {
    forward(forwarding) {
      const exchange = new UndiciExchange(forwarding);
      exchange.start(pool);
      return exchange;
    },
  };
}

type UndiciConnector = (
  options: { port: string },
  callback: (
    ...result: [error: Error, socket: null] | [error: null, socket: ReturnType<ConnectUpstream>]
  ) => void,
) => void;

function connectorOf(connect: ConnectUpstream): UndiciConnector {
  return ({ port }, callback) => {
    const socket = connect(port === '' ? 443 : Number(port));
    let told = false;
    socket.once('secureConnect', () => {
      told = true;
      callback(null, socket);
    });
    // It stays: undici takes its own listener away with the connection, and an unheard error would end the process.
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (!told) callback(error, null);
      // undici takes a reset for the end of a body that ends with its connection, but half an answer must never look like a whole
      // one. By undici's own name for broken connections it is a failure, and this listener is called first.
      else if (error.code === 'ECONNRESET') error.code = 'UND_ERR_SOCKET';
      told = true;
    });
  };
}
