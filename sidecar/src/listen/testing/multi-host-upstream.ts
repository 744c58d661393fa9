// Test help: a provider with several hosts on one port, over real TLS, whose answers name its hosts.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { WebSocketServer } from 'ws';

import { makeCertificates } from '../../testing/certificates.ts';

export const API = 'api.multi.example';
export const UPLOADS = 'uploads.multi.example';
/** known by a pattern only */
export const REGION = 'eu.region.multi.example';
/** never gets the key */
export const STORAGE = 'files.storage.example';
/** of another provider */
export const OTHER = 'api.other.example';

export interface SeenByHost {
  host: string;
  url: string;
  headers: IncomingMessage['headers'];
}

export interface MultiHostUpstream {
  port: number;
  /** PEM of the CA to trust */
  ca: string;
  /** requests and upgrades, in order */
  seen: SeenByHost[];
  close(): Promise<void>;
}

/** starts one whose answers without a URL say `echo` and the key */
export async function startMultiHostUpstream(key: string): Promise<MultiHostUpstream> {
  const tls = await makeCertificates([API, UPLOADS, '*.region.multi.example', STORAGE, OTHER]);
  const wss = new WebSocketServer({ noServer: true });
  const sockets = new Set<Duplex>();
  const seen: SeenByHost[] = [];
  const record = ({ url = '', headers }: IncomingMessage): void => {
    seen.push({ host: (headers.host ?? '').replace(/:\d+$/, ''), url, headers });
  };
  const server = createServer({ cert: tls.cert, key: tls.key }, (request, response) => {
    record(request);
    const { port } = server.address() as AddressInfo;
    if (!answerWithUrls(request.url ?? '', port, response)) response.end(`echo ${key}`);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    record(request);
    wss.handleUpgrade(request, socket, head, (accepted) => {
      accepted.on('message', (data, binary) => accepted.send(data as Buffer, { binary }));
    });
  });
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ca: tls.ca,
    seen,
    async close() {
      wss.close();
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** whether the path is one of those whose answers have URLs in them */
function answerWithUrls(url: string, port: number, response: ServerResponse): boolean {
  const [path = ''] = url.split('?');
  const locations: Record<string, string> = {
    '/v1/to-storage': `https://${STORAGE}:${port}/signed/a%20b.txt?sig=1`,
    '/v1/to-uploads': `https://${UPLOADS}/v1/echo`,
    '/v1/to-region': `https://${REGION}/v1/echo`,
    '/v1/to-path': '/v1/echo?x=1',
    '/v1/to-stranger': 'https://evil.example/x',
  };
  const location = locations[path];
  if (location !== undefined) {
    response.writeHead(302, { location }).end();
  } else if (path === '/v1/pages') {
    const link = `<https://${API}/v1/echo?page=2>; rel="next", <https://${UPLOADS}/v1/echo?page=9>; rel="last"`;
    response.writeHead(200, { link, 'x-upload-url': `https://${UPLOADS}/v1/echo?slot=1` }).end('[]');
  } else if (path === '/v1/json') {
    const body = {
      upload_url: `https://${UPLOADS}/v1/echo`,
      socket: `wss://${REGION}/v1/x`,
      note: `https://${API}`,
    };
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  } else return false;
  return true;
}
