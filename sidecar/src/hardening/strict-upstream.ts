// Test help: a provider over TLS that reads as strictly as HTTP/1.1 is written and keeps every byte, so that a request inside another,
// or half of one, is seen.
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';

import type { Provider, ProviderSpec } from '@seks/crds';

import { makeCertificates } from '../testing/certificates.ts';
import { type ReadRequest, readRequest, valuesOf } from './http1-reader.ts';

export const HOST = 'api.provider.example';

export interface StrictUpstream {
  /** whole requests, in the order in which they became whole */
  seen: ReadRequest[];
  /** requests that broke off */
  cut: ReadRequest[];
  /** what no HTTP/1.1 request begins with or consists of */
  faults: string[];
  /** open connections */
  readonly open: number;
  /** connections in the middle of a request */
  readonly unfinished: number;
  /** connections that were ever made */
  readonly made: number;
  provider(name: string, spec?: Partial<ProviderSpec>): Provider;
  /** replaces what is done with a whole request from now on; undefined: as at the beginning */
  answer(handler: ((socket: TLSSocket, request: ReadRequest) => void) | undefined): void;
  /** resets a connection, which TLS alone cannot */
  reset(socket: TLSSocket): void;
  /** forgets what was seen */
  forget(): void;
  close(): Promise<void>;
}

/** starts one; it answers every request with its own tag */
export async function startStrictUpstream(): Promise<StrictUpstream> {
  const { ca, cert, key } = await makeCertificates([HOST]);
  const seen: ReadRequest[] = [];
  const cut: ReadRequest[] = [];
  const faults: string[] = [];
  const sockets = new Set<TLSSocket>();
  const tcpByPort = new Map<number | undefined, Socket>();
  const unfinished = new Set<TLSSocket>();
  let made = 0;
  let handler = answerTag;
  const server = createServer({ cert, key, ALPNProtocols: ['http/1.1'] }, (socket) => {
    sockets.add(socket);
    made += 1;
    let bytes = '';
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      bytes += chunk.toString('latin1');
      unfinished.add(socket);
      for (;;) {
        if (bytes === '') {
          unfinished.delete(socket);
          return;
        }
        const reading = readRequest(bytes);
        if (reading.kind === 'fault') {
          faults.push(`${reading.why}: ${JSON.stringify(bytes.slice(0, 200))}`);
          socket.destroy();
        }
        if (reading.kind !== 'whole') return;
        bytes = reading.rest;
        seen.push(reading.request);
        handler(socket, reading.request);
      }
    });
    socket.on('close', () => {
      sockets.delete(socket);
      unfinished.delete(socket);
      const reading = bytes === '' ? undefined : readRequest(bytes);
      if (reading?.kind === 'partial' && reading.request !== undefined) cut.push(reading.request);
    });
  });
  server.on('connection', (tcp: Socket) => {
    const { remotePort } = tcp;
    tcpByPort.set(remotePort, tcp);
    tcp.once('close', () => tcpByPort.delete(remotePort));
  });
  server.on('tlsClientError', () => undefined);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    seen,
    cut,
    faults,
    get open() {
      return sockets.size;
    },
    get unfinished() {
      return unfinished.size;
    },
    get made() {
      return made;
    },
    provider: (name, spec) => ({
      name,
      spec: {
        upstreams: [{ host: HOST, port }],
        auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
        env: { key: ['KEY'] },
        fakeToken: 'sk-{token}',
        allow: [{ paths: ['/v1/**'] }],
        deny: [{ paths: ['/v1/denied', '/v1/denied/**'] }],
        caBundle: ca,
        ...spec,
      },
    }),
    answer: (next) => {
      handler = next ?? answerTag;
    },
    reset: ({ remotePort }) => {
      tcpByPort.get(remotePort)?.resetAndDestroy();
    },
    forget() {
      seen.length = 0;
      cut.length = 0;
      faults.length = 0;
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** the tag of a request, by which its answer is known again */
export function tagOf({ headers }: ReadRequest): string {
  return valuesOf(headers, 'x-tag').join();
}

function answerTag(socket: TLSSocket, request: ReadRequest): void {
  const body = `tag=${tagOf(request)};`;
  const head = `HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n\r\n`;
  socket.write(head + (request.method === 'HEAD' ? '' : body));
}
