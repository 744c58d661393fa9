// Test help: an upstream over TLS that writes what the test says, byte for byte, and keeps what it was sent.
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

import { fixedLookup } from '../../testing/test-forwarder.ts';
import { makeCertificates, type TestCertificates } from '../../testing/certificates.ts';
import { createForwarder, type ForwarderKind } from '../forwarder-kinds.ts';
import type { Forwarder } from '../forwarder.ts';
import { createUpstreamConnector } from '../upstream-connector.ts';

export const HOST = 'api.provider.example';
/** a whole answer */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';
/** only for tests of silence: any stall of the machine counts as some */
export const SILENCE_MS = 300;
const PATIENCE_MS = 30_000;

export interface RawUpstream {
  port: number;
  certificates: TestCertificates;
  /** all bytes of each connection so far, as ISO 8859-1 */
  received: string[];
  /** open connections, in the order in which they came */
  connections: TLSSocket[];
  /** replaces what is done when the head of a request has come; `connection` counts from 0 */
  serve(handler: (socket: TLSSocket, connection: number) => void): void;
  /** breaks a connection off by a TCP reset, where `destroy` ends it */
  reset(socket: TLSSocket): void;
  /** a forwarder to it, with connections of its own */
  forwarder(kind: ForwarderKind, options?: { host?: string; idleTimeoutMs?: number }): Forwarder;
  close(): Promise<void>;
}

/** starts an upstream; a request's head is taken for the request */
export async function startRawUpstream(): Promise<RawUpstream> {
  const certificates = await makeCertificates([HOST]);
  const received: string[] = [];
  const connections: TLSSocket[] = [];
  let handler: (socket: TLSSocket, connection: number) => void = () => {};
  const server = createServer({ cert: certificates.cert, key: certificates.key }, (socket) => {
    const connection = received.push('') - 1;
    connections.push(socket);
    let head = '';
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      received[connection] += chunk.toString('latin1');
      head += chunk.toString('latin1');
      if (!head.includes('\r\n\r\n')) return;
      // What follows a head here is its body, which these handlers do not wait for.
      head = '';
      handler(socket, connection);
    });
  });
  const tcpSockets = new Map<number | undefined, Socket>();
  server.on('connection', (socket: Socket) => tcpSockets.set(socket.remotePort, socket));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    certificates,
    received,
    connections,
    serve: (next) => {
      handler = next;
    },
    reset: (socket) => void tcpSockets.get(socket.remotePort)?.resetAndDestroy(),
    forwarder: (kind, { host = HOST, idleTimeoutMs } = {}) =>
      forwarderTo(kind, host, port, certificates.ca, idleTimeoutMs),
    async close() {
      server.close();
      for (const socket of connections) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** a forwarder to a port of this machine under a name; without `caBundle` it trusts the public roots */
export function forwarderTo(
  kind: ForwarderKind,
  host: string,
  port: number,
  caBundle: string | undefined,
  idleTimeoutMs = PATIENCE_MS,
): Forwarder {
  const lookup = fixedLookup({ [host]: ['127.0.0.1'] });
  const connect = createUpstreamConnector({ host, network: 'Public', lookup, caBundle });
  return createForwarder(kind, {
    origin: new URL(`https://${host}:${port}`),
    connect,
    idleTimeoutMs,
  });
}
