// CONNECT (RFC 9110 §9.3.6), for clients that use the sidecar as their HTTPS proxy. Nothing is ever tunnelled: the sidecar
// itself answers the TLS that follows, and only for hosts that it holds a credential for.
import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';

import { SeksError } from '@seks/crds';

import { originOf } from './origin.ts';

const TARGET_PORT = ':443';
const ESTABLISHED = 'HTTP/1.1 200 Connection Established\r\n\r\n';

export interface TunnelOptions {
  /** hosts, in lower case, that CONNECT may name */
  proxied: ReadonlySet<string>;
  /** answers the TLS that follows; its server name must be the host */
  terminate: (socket: Socket, host: string) => void;
}

/**
 * the host that a CONNECT request asks for
 *
 * @throws SeksError SEKS_PROXY_HOST_REFUSED unless it is `host:443` with a host of the set, and nothing contradicts it
 */
export function tunnelHost(
  { url = '', rawHeaders }: Pick<IncomingMessage, 'url' | 'rawHeaders'>,
  proxied: ReadonlySet<string>,
): string {
  // Userinfo, address literals, wildcards and other ports fail here as well: none of them is a host of the set.
  const host = url.endsWith(TARGET_PORT) ? url.slice(0, -TARGET_PORT.length).toLowerCase() : '';
  if (!proxied.has(host)) throw new SeksError('SEKS_PROXY_HOST_REFUSED');
  // Clients that speak HTTP/1.0 to a proxy send no Host at all.
  let hosts = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] ?? '').toLowerCase();
    const value = (rawHeaders[i + 1] ?? '').toLowerCase();
    if (name === 'host') {
      hosts += 1;
      if (hosts > 1 || (value !== host && value !== host + TARGET_PORT)) {
        throw new SeksError('SEKS_PROXY_HOST_REFUSED', 'The Host header names another host.');
      }
    }
    // Parsers differ on whether such a body exists, which is how a second request is smuggled.
    if (name === 'transfer-encoding' || (name === 'content-length' && value !== '0')) {
      throw new SeksError('SEKS_PROXY_HOST_REFUSED', 'CONNECT has no body.');
    }
  }
  return host;
}

/**
 * answers a CONNECT request
 *
 * @param head what the client has sent after the request: the beginning of its TLS
 * @throws SeksError SEKS_PROXY_HOST_REFUSED, with nothing written yet
 */
export function openTunnel(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  { proxied, terminate }: TunnelOptions,
): void {
  const origin = originOf(socket);
  const plain = socket instanceof Socket && !(socket instanceof TLSSocket);
  // A CONNECT within TLS or for a host that is intercepted already would be a tunnel in a tunnel.
  if (!plain || origin.kind !== 'base' || origin.secure) throw new SeksError('SEKS_PROXY_HOST_REFUSED');
  const host = tunnelHost(request, proxied);
  socket.write(ESTABLISHED);
  // Handed to TLS, which refuses whatever is none: it cannot become a second request on the outer connection.
  if (head.length > 0) socket.unshift(head);
  terminate(socket, host);
}
