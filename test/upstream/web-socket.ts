// WebSockets of the imitated APIs: refusing one as HTTP does, or taking it and talking JSON.
import { STATUS_CODES, type IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';

/** answers an upgrade with an HTTP error of that API and ends the connection */
export function refuseUpgrade(socket: Duplex, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(text)}`,
      'connection: close',
      '',
      text,
    ].join('\r\n'),
  );
}

export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

export interface SocketTalk {
  /** the subprotocol to agree on, if the client offers it */
  readonly protocol?: string;
  /** true: its JSON goes out in binary frames */
  readonly binary?: boolean;
  opened?(client: JsonSocket): void;
  received(client: JsonSocket, message: Readonly<Record<string, unknown>>): void;
}

export interface JsonSocket {
  send(message: unknown): void;
  close(code: number, reason: string): void;
}

/** takes the upgrade; messages that are not JSON objects end the connection with 1007 */
export function acceptWebSocket(upgrade: Upgrade, talk: SocketTalk): void {
  const { protocol } = talk;
  const server = new WebSocketServer({
    noServer: true,
    handleProtocols: (offered) => (protocol !== undefined && offered.has(protocol) ? protocol : false),
  });
  server.handleUpgrade(upgrade.request, upgrade.socket, upgrade.head, (socket) => converse(socket, talk));
}

function converse(socket: WebSocket, talk: SocketTalk): void {
  const client: JsonSocket = {
    send: (message) => socket.send(JSON.stringify(message), { binary: talk.binary === true }),
    close: (code, reason) => socket.close(code, reason),
  };
  socket.on('error', () => socket.terminate());
  socket.on('message', (data: Buffer) => {
    const message = parseObject(data.toString('utf8'));
    if (message === undefined) client.close(1007, 'not a JSON object');
    else talk.received(client, message);
  });
  talk.opened?.(client);
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
