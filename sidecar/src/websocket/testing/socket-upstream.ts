// Providers over real TLS that speak WebSocket, and clients that keep all that they get.
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';

import { type ClientOptions, WebSocket, WebSocketServer } from 'ws';

import { makeCertificates } from '../../testing/certificates.ts';

/** one side of a connection, with what came to it in order */
export interface Peer {
  socket: WebSocket;
  /** the next message, as text; fails if the connection closes before */
  text: () => Promise<string>;
  /** the next message */
  message: () => Promise<{ data: Buffer; binary: boolean }>;
  /** code and reason of the end */
  closed: Promise<{ code: number; reason: string }>;
}

/** an upgrade as the provider saw it */
export interface SeenUpgrade {
  url: string;
  headers: IncomingMessage['headers'];
}

export interface SocketUpstream {
  port: number;
  ca: string;
  seen: SeenUpgrade[];
  /** what is done with upgrades, until {@link reset}; omitted: they are accepted */
  onUpgrade(handle: (request: IncomingMessage, socket: Duplex) => void): void;
  /** the sub-protocol that is chosen, until {@link reset}; omitted: the first */
  choose(protocol: (offered: string[]) => string | false): void;
  /** the provider's side of the next connection */
  next(): Promise<Peer>;
  reset(): void;
  close(): Promise<void>;
}

/** starts a provider under some names */
export async function startSocketUpstream(hosts: readonly string[]): Promise<SocketUpstream> {
  const { ca, cert, key } = await makeCertificates(hosts);
  const arrived: Peer[] = [];
  const waiting: ((peer: Peer) => void)[] = [];
  const seen: SeenUpgrade[] = [];
  const first = (offered: string[]): string | false => offered[0] ?? false;
  let choose = first;
  let onUpgrade: ((request: IncomingMessage, socket: Duplex) => void) | undefined;
  const wss = new WebSocketServer({
    noServer: true,
    autoPong: false,
    handleProtocols: (offered) => choose([...offered]),
  });
  const server = createServer({ cert, key });
  const sockets = new Set<Duplex>();
  server.on('connection', (socket: Duplex) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => undefined);
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    seen.push({ url: request.url ?? '', headers: request.headers });
    if (onUpgrade !== undefined) {
      onUpgrade(request, socket);
      return;
    }
    wss.handleUpgrade(request, socket, head, (accepted) => {
      const next = waiting.shift();
      const peer = peerOf(accepted);
      if (next === undefined) arrived.push(peer);
      else next(peer);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    ca,
    seen,
    onUpgrade: (handle) => void (onUpgrade = handle),
    choose: (protocol) => void (choose = protocol),
    async next() {
      return new Promise((resolve) => {
        const peer = arrived.shift();
        if (peer === undefined) waiting.push(resolve);
        else resolve(peer);
      });
    },
    reset() {
      seen.length = 0;
      // Whoever still waits belongs to a test that failed.
      waiting.length = 0;
      choose = first;
      onUpgrade = undefined;
      for (const { socket } of arrived.splice(0)) socket.terminate();
    },
    async close() {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

/** opens a connection; throws {@link Refused} if it is answered by anything but 101 */
export async function openSocket(
  url: string,
  protocols: string[],
  options: ClientOptions = {},
): Promise<Peer> {
  const socket = new WebSocket(url, protocols, { autoPong: false, ...options });
  const peer = peerOf(socket);
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(peer));
    socket.on('error', reject);
    socket.on('unexpected-response', (_request, response) => {
      void readRefusal(response).then(reject, reject);
    });
  });
}

/** the HTTP answer to an upgrade that was not granted */
export class Refused extends Error {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;

  constructor(response: IncomingMessage, body: string) {
    super(`refused with ${response.statusCode}: ${body}`);
    this.status = response.statusCode ?? 0;
    this.headers = response.headers;
    this.body = body;
  }
}

async function readRefusal(response: IncomingMessage): Promise<Refused> {
  let body = '';
  response.setEncoding('utf8');
  for await (const chunk of response) body += chunk;
  return new Refused(response, body);
}

function peerOf(socket: WebSocket): Peer {
  const arrived: { data: Buffer; binary: boolean }[] = [];
  const waiting: {
    resolve: (message: { data: Buffer; binary: boolean }) => void;
    reject: (cause: Error) => void;
  }[] = [];
  socket.on('error', () => undefined);
  socket.on('message', (data: Buffer, binary) => {
    const next = waiting.shift();
    if (next === undefined) arrived.push({ data, binary });
    else next.resolve({ data, binary });
  });
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      resolve({ code, reason: reason.toString() });
      for (const { reject } of waiting) reject(new Error(`closed with ${code}: ${reason.toString()}`));
    });
  });
  const message = async (): Promise<{ data: Buffer; binary: boolean }> =>
    new Promise((resolve, reject) => {
      const first = arrived.shift();
      if (first !== undefined) resolve(first);
      else if (socket.readyState === WebSocket.CLOSED) reject(new Error('closed'));
      else waiting.push({ resolve, reject });
    });
  return { socket, closed, message, text: async () => (await message()).data.toString() };
}
