// Opens the connections to one upstream, for every client of HTTP alike: TLS always verified against the pinned name, addresses
// checked, and a time limit.
import { isIP, type LookupFunction, type TcpNetConnectOpts } from 'node:net';
import { connect as connectTls, type ConnectionOptions, createSecureContext, type TLSSocket } from 'node:tls';

import { SeksError } from '@seks/crds';

import { mayDial, type Network } from './address-rules.ts';
import { refused } from './egress-lookup.ts';

export const CONNECT_TIMEOUT_MS = 10_000;
/** below the idle timeout of common front ends (60 s), so that we close first and no request meets a closing connection */
export const FREE_SOCKET_TIMEOUT_MS = 50_000;
/** finds peers that vanished while a model thinks for minutes */
const TCP_KEEP_ALIVE_DELAY_MS = 60_000;

export interface UpstreamOptions {
  host: string;
  network: Network;
  lookup: LookupFunction;
  /** PEM certificates instead of the public roots */
  caBundle?: string | undefined;
  connectTimeoutMs?: number;
}

/**
 * begins a connection to a port of the upstream; what fails comes as the socket's `error`
 *
 * @throws SeksError SEKS_UPSTREAM_ADDRESS_REFUSED if the host is an address that may not be dialled
 */
export type ConnectUpstream = (port: number) => TLSSocket;

/** a connector to one upstream only; it keeps the last TLS session, so that connecting again is cheap */
export function createUpstreamConnector(options: UpstreamOptions): ConnectUpstream {
  const { host, network, lookup, caBundle, connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
  // Once, because parsing certificates for each connection costs more than the handshake.
  const secureContext = createSecureContext({
    minVersion: 'TLSv1.2',
    ...(caBundle === undefined ? {} : { ca: caBundle }),
  });
  let session: Buffer | undefined;
  return (port) => {
    // net.connect asks no lookup for an address literal.
    if (isIP(host) !== 0 && !mayDial(host, network)) throw refused(host);
    const connection: ConnectionOptions & TcpNetConnectOpts = {
      host,
      port,
      lookup,
      secureContext,
      // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED means nothing here.
      rejectUnauthorized: true,
      // RFC 6066 §3: an address is no server name.
      servername: isIP(host) === 0 ? host : '',
      ALPNProtocols: ['http/1.1'],
      ...(session === undefined ? {} : { session }),
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: TCP_KEEP_ALIVE_DELAY_MS,
    };
    const socket = connectTls(connection);
    const timer = setTimeout(() => {
      socket.destroy(new SeksError('SEKS_UPSTREAM_UNREACHABLE', `Host ${host} does not answer.`));
    }, connectTimeoutMs);
    socket.once('secureConnect', () => clearTimeout(timer));
    socket.on('session', (fresh) => (session = fresh));
    socket.once('close', (failed) => {
      clearTimeout(timer);
      // It may be the session that the upstream did not like.
      if (failed) session = undefined;
    });
    return socket;
  };
}
