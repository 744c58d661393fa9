// The providers' TLS port. It speaks HTTP/1.1, and HTTP/2 for the one API whose SDK insists on it.
import type { RequestListener, Server } from 'node:http';
import { createSecureServer, type Http2ServerRequest } from 'node:http2';

const HTTP2_HOST = /^bedrock-runtime\./;

export interface TlsIdentity {
  /** PEM */
  readonly cert: Buffer;
  readonly key: Buffer;
}

export function createTlsServer(identity: TlsIdentity, listener: RequestListener): Server {
  const server = createSecureServer({
    ...identity,
    allowHTTP1: true,
    ALPNCallback: ({ servername, protocols }) =>
      ['h2', 'http/1.1'].find(
        (protocol) => protocols.includes(protocol) && (protocol !== 'h2' || HTTP2_HOST.test(servername)),
      ),
  });
  server.on('request', (request: Http2ServerRequest, response) => {
    if (request.httpVersionMajor === 2) request.headers.host = request.authority;
    // Node gives requests of both kinds the same shape, as far as stubs use it, but their types have nothing in common.
    listener(...([request, response] as unknown as Parameters<RequestListener>));
  });
  return server as unknown as Server;
}
