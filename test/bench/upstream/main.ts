// The bench's provider, as a process of its own: plain and TLS, answers at once, and costs as little as Node can.
//   node main.ts <key.pem> <cert.pem> <plain port> <TLS port>      BENCH_PROVIDER_KEY is the key that it wants
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer as createPlainServer, type Socket } from 'node:net';
import process from 'node:process';
import { createServer as createTlsServer } from 'node:tls';

import { WebSocketServer } from 'ws';

import { nowUs } from '../load/connection.ts';
import { MessageParser } from '../load/message-parser.ts';
import { completion, END_STREAMS_PATH, eventChunk, type Kind, kindOf, lastChunks } from './answers.ts';
import { startEventClock } from './event-clock.ts';

const [keyFile = '', certFile = '', plainPort = '', tlsPort = ''] = process.argv.slice(2);
const providerKey = process.env['BENCH_PROVIDER_KEY'] ?? '';
if (providerKey === '') throw new Error('BENCH_PROVIDER_KEY is missing');

const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n';
const REFUSAL = '{"error":{"code":"wrong_key"}}';
const REFUSED =
  'HTTP/1.1 401 Unauthorized\r\ncontent-type: application/json\r\n' +
  `content-length: ${REFUSAL.length}\r\n\r\n${REFUSAL}`;
const WHOLE = {
  kilobyte: wholeAnswer('kilobyte'),
  kilobytes64: wholeAnswer('kilobytes64'),
  mebibyte: wholeAnswer('mebibyte'),
};

const clock = startEventClock();
const webSockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });

function wholeAnswer(kind: 'kilobyte' | 'kilobytes64' | 'mebibyte'): Buffer {
  const body = completion(kind);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

function serve(socket: Socket): void {
  socket.setNoDelay(true);
  // A client that goes away in the middle is the end of many scenarios.
  socket.on('error', () => socket.destroy());
  let head = '';
  let body: Buffer[] = [];
  const parser = new MessageParser('request', {
    head(text) {
      head = text;
      body = [];
    },
    body: (bytes) => body.push(bytes),
    end: () => answer(socket, head, body.length === 1 ? body[0] : Buffer.concat(body)),
    upgrade(rest) {
      socket.off('data', push);
      echo(socket, head, rest);
    },
  });
  const push = (chunk: Buffer): void => parser.push(chunk);
  socket.on('data', push);
}

function answer(socket: Socket, head: string, body: Buffer = Buffer.alloc(0)): void {
  if (head.startsWith(`POST ${END_STREAMS_PATH} `)) {
    clock.endAll();
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    return;
  }
  // The swap is what all of them are for: without the real key there is no answer to measure.
  if (!head.includes(providerKey)) {
    socket.write(REFUSED);
    return;
  }
  const kind: Kind = kindOf(body);
  if (kind === 'endlessStream') {
    socket.write(STREAM_HEAD + eventChunk(nowUs()), 'latin1');
    clock.add(socket);
  } else if (kind === 'shortStream') {
    socket.write(STREAM_HEAD + eventChunk(nowUs()), 'latin1');
    socket.write(eventChunk(nowUs()) + lastChunks(), 'latin1');
  } else socket.write(WHOLE[kind]);
}

function echo(socket: Socket, head: string, rest: Buffer): void {
  const [first = '', ...lines] = head.split('\r\n');
  const [method, url] = first.split(' ');
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  if (!head.includes(providerKey)) {
    socket.end(REFUSED);
    return;
  }
  webSockets.handleUpgrade({ method, url, headers } as IncomingMessage, socket, rest, (webSocket) => {
    webSocket.on('message', (data, binary) => webSocket.send(data, { binary }));
    webSocket.on('error', () => webSocket.terminate());
  });
}

const secure = createTlsServer({ key: readFileSync(keyFile), cert: readFileSync(certFile) }, serve);
secure.on('tlsClientError', () => undefined);
createPlainServer(serve).listen({ port: Number(plainPort), host: '127.0.0.1', backlog: 1024 });
secure.listen({ port: Number(tlsPort), host: '127.0.0.1', backlog: 1024 });
