// One stub on a port without TLS, called below any of its host names, for the stubs' own tests.
import { once } from 'node:events';
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { WebSocket } from 'ws';
import type { HostStub } from './host-stub.ts';
import { keysFromEnvironment } from './keys.ts';
import type { ProviderName } from './provider-stub.ts';
import { createRecord, type RequestRecord } from './record.ts';

export interface StubAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  readonly json: Record<string, unknown>;
}

export interface StubRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer<ArrayBuffer> | FormData | URLSearchParams;
  readonly signal?: AbortSignal;
}

export interface StubServer {
  readonly record: RequestRecord;
  /** @param url real URL of the API */
  call(url: string, request?: StubRequest): Promise<StubAnswer>;
  connect(url: string): WebSocket;
  close(): void;
}

export async function serveStub(
  stub: HostStub,
  keys: Partial<Record<ProviderName, string>>,
): Promise<StubServer> {
  const record = createRecord();
  const deps = {
    keys: keysFromEnvironment(
      Object.fromEntries(
        Object.entries(keys).map(([name, key]) => [`UPSTREAM_KEY_${name.toUpperCase()}`, key]),
      ),
    ),
    record,
    clock: () => 1_700_000_000_000,
  };
  const server = createServer((request, response) => {
    stub.handle(request, response, deps).catch((error: unknown) => response.destroy(error as Error));
  });
  server.on('upgrade', (request, socket, head) => stub.upgrade?.(request, socket, head, deps));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    record,
    async call(url, { method = 'GET', headers = {}, body, signal } = {}) {
      const { host, pathname, search } = new URL(url);
      // Makes the bytes and the content type of whatever body it is.
      const encoded = new Request('http://encoding.invalid', { method: 'POST', body: body ?? null });
      const contentType = encoded.headers.get('content-type');
      const request = httpRequest({
        port,
        method,
        path: pathname + search,
        headers: { host, ...(contentType === null ? {} : { 'content-type': contentType }), ...headers },
        ...(signal === undefined ? {} : { signal }),
      });
      request.end(Buffer.from(await encoded.arrayBuffer()));
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const bytes = await buffer(response);
      return {
        status: response.statusCode ?? 0,
        headers: response.headers,
        body: bytes,
        json: response.headers['content-type'] === 'application/json' ? JSON.parse(bytes.toString()) : {},
      };
    },
    connect(url) {
      const { host, pathname, search } = new URL(url);
      return new WebSocket(`ws://127.0.0.1:${port}${pathname}${search}`, { headers: { host } });
    },
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
}
