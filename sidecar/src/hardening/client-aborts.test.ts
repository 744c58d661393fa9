// The agent goes away in the middle: the provider's connection is closed at once, so that nobody pays for what nobody reads.
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

import { until } from '../testing/until.ts';
import { type ReadRequest, valuesOf } from './http1-reader.ts';
import { AUTH, openConnections, type Rig, startRig } from './rig.ts';

/** the limit; waiting ends as soon as it has happened */
const CLOSED_LIMIT_MS = 1_000;
const WEBSOCKET_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

let rig: Rig;

beforeEach(async () => {
  rig = await startRig();
});

afterEach(async () => {
  await rig.close();
});

type Answering = (socket: TLSSocket, request: ReadRequest) => void;

const silent: Answering = () => undefined;
const halfAnswer: Answering = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nhalf');
};
const halfHead: Answering = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\ncontent-le');
};
const events: Answering = (socket) => {
  socket.write('HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n');
  const timer = setInterval(() => socket.write('9\r\ndata: x\n\n\r\n'), 20);
  socket.on('close', () => clearInterval(timer));
};
const webSocket: Answering = (socket, { headers }) => {
  const key = valuesOf(headers, 'sec-websocket-key').join() + WEBSOCKET_GUID;
  const accept = createHash('sha1').update(key).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
};

const UPGRADE = [
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==',
].join('\r\n');

interface Abort {
  name: string;
  head: string;
  body: string;
  answering: Answering;
  /** what the agent has seen of the answer before it goes */
  seen: RegExp;
}

const aborts: Abort[] = [
  { name: 'while the provider thinks', head: 'GET', body: '\r\n', answering: silent, seen: /^$/ },
  {
    name: 'while the provider thinks about an upload',
    head: 'POST',
    body: 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n',
    answering: silent,
    seen: /^$/,
  },
  {
    name: 'in a long upload',
    head: 'POST',
    body: 'Content-Length: 100000000\r\n\r\nabc',
    answering: silent,
    seen: /^$/,
  },
  {
    name: 'in a chunked upload',
    head: 'POST',
    body: 'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n',
    answering: silent,
    seen: /^$/,
  },
  { name: 'in the head of the answer', head: 'GET', body: '\r\n', answering: halfHead, seen: /^$/ },
  { name: 'in the answer', head: 'GET', body: '\r\n', answering: halfAnswer, seen: /half/ },
  {
    name: 'in the answer to an upload',
    head: 'POST',
    body: 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    answering: halfAnswer,
    seen: /half/,
  },
  { name: 'in a stream of events', head: 'GET', body: '\r\n', answering: events, seen: /data: x[^]*data: x/ },
  {
    name: 'in a WebSocket',
    head: 'GET',
    body: `${UPGRADE}\r\n\r\n`,
    answering: webSocket,
    seen: /^HTTP\/1\.1 101 /,
  },
];

test.each(
  aborts.flatMap((abort) => [
    { ...abort, how: 'resets' as const },
    { ...abort, how: 'ends' as const },
  ]),
)('the agent $how its connection $name', async ({ head, body, answering, seen, how }) => {
  rig.upstream.answer(answering);
  let arrived = false;
  rig.upstream.answer((socket, request) => {
    arrived = true;
    answering(socket, request);
  });
  const socket = rig.dial();
  let text = '';
  socket.on('error', () => undefined);
  socket.setEncoding('latin1').on('data', (chunk: string) => (text += chunk));
  socket.write(`${head} /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: a\r\n${body}`);
  const isUnfinished = /[1-9]\d{3}|abc\r\n$/.test(body);
  await until(() => (isUnfinished ? rig.upstream.open === 1 : arrived) && seen.test(text));
  const leftMs = performance.now();
  if (how === 'resets') socket.resetAndDestroy();
  else socket.destroy();
  await until(
    () => rig.upstream.open === 0,
    () => 'the provider’s connection stays open',
    CLOSED_LIMIT_MS,
  );
  await until(async () => (await openConnections(rig.sidecar)) === 0);
  expect(performance.now() - leftMs).toBeLessThan(CLOSED_LIMIT_MS);
  await until(() => rig.sidecar.audit.length === 1);
  expect(rig.sidecar.audit).toMatchObject([{ action: 'request', decision: 'allow', partial: true }]);
  rig.upstream.answer(undefined);
  rig.upstream.forget();
  await rig.settle([]);
});

test.each([
  ['in the head', 'GET /openai/v1/a HTTP/1.1\r\nX-'],
  ['in a short body', 'POST /openai/v1/a HTTP/1.1\r\n{}\r\nContent-Length: 10\r\n\r\nabc'],
])('the agent goes away %s: the provider is never told', async (_, bytes) => {
  const socket = rig.dial();
  socket.write(bytes.replace('{}', `${rig.host}\r\n${AUTH}`));
  await until(async () => (await openConnections(rig.sidecar)) === 1);
  socket.destroy();
  await until(async () => (await openConnections(rig.sidecar)) === 0);
  await rig.settle([]);
  expect(rig.upstream.made).toBe(1);
});
