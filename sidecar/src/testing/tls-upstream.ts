// A provider on the loopback interface, over real TLS, that keeps what it was sent.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import type { Provider, ProviderSpec } from '@seks/crds';

import { makeCertificates } from './certificates.ts';

export interface SeenRequest {
  method: string;
  url: string;
  headers: IncomingMessage['headers'];
  rawHeaders: string[];
  body: string;
}

export type UpstreamHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** a running upstream */
export interface TestUpstream {
  host: string;
  port: number;
  ca: string;
  /** requests whose head arrived, in order; bodies only where the default handler read them */
  seen: SeenRequest[];
  /** replaces what is done with requests from now on */
  answer(handler: UpstreamHandler): void;
  /** forgets what it was sent, and answers as it did at first */
  reset(): void;
  /** a provider with this upstream */
  provider(name: string, spec?: Partial<ProviderSpec>): Provider;
  close(): Promise<void>;
}

/** starts an upstream under a public-looking name */
export async function startUpstream(host = 'api.provider.example'): Promise<TestUpstream> {
  const { ca, cert, key } = await makeCertificates([host]);
  const seen: SeenRequest[] = [];
  let handler: UpstreamHandler = answerOk;
  const sockets = new Set<Duplex>();
  const server = createServer({ cert, key }, (request, response) => {
    const { method = '', url = '', headers, rawHeaders } = request;
    const record = { method, url, headers, rawHeaders, body: '' };
    seen.push(record);
    if (handler === answerOk)
      request.on('data', (chunk: Buffer) => (record.body += chunk.toString('latin1')));
    handler(request, response);
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host,
    port,
    ca,
    seen,
    answer: (next) => {
      handler = next;
    },
    reset() {
      handler = answerOk;
      seen.length = 0;
    },
    provider: (name, spec) => ({
      name,
      spec: {
        upstreams: [{ host, port }],
        auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
        env: { key: ['KEY'] },
        fakeToken: 'sk-{token}',
        allow: [{ paths: ['/v1/**'] }],
        caBundle: ca,
        ...spec,
      },
    }),
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** what it does at first: a small answer once the request has come whole */
export function answerOk(request: IncomingMessage, response: ServerResponse): void {
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end('{"ok":true}');
  });
}
