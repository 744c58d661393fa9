// HTTP/2 with prior knowledge: real clients, raw frames, and what happens when either side breaks off.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { Writable } from 'node:stream';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { MAX_STREAMS_PER_SESSION } from './h2-bridge.ts';
import {
  bytes,
  startListener,
  type TestListener,
  type TestListenerOptions,
} from './testing/test-listener.ts';

let sidecar: TestListener;
const sessions: ClientHttp2Session[] = [];

async function start(options?: TestListenerOptions): Promise<ClientHttp2Session> {
  sidecar = await startListener(options);
  return session();
}

function session(): ClientHttp2Session {
  const client = connect(`http://127.0.0.1:${sidecar.port}`, { maxSessionMemory: 1_000 });
  client.on('error', () => undefined);
  sessions.push(client);
  return client;
}

afterEach(async () => {
  for (const client of sessions.splice(0)) client.destroy();
  await sidecar.close();
});

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: string;
  trailers: Record<string, unknown>;
}

async function answerTo(stream: ClientHttp2Stream): Promise<Answer> {
  let trailers = {};
  stream.on('trailers', (fields) => (trailers = fields));
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  let body = '';
  stream.setEncoding('latin1');
  for await (const chunk of stream) body += chunk;
  return { status: Number(headers[':status']), headers, body, trailers: { ...trailers } };
}

/** the code that a stream was closed with */
async function resetCode(stream: ClientHttp2Stream): Promise<number> {
  const closed = new Promise((resolve) => stream.once('close', resolve));
  stream.on('error', () => undefined);
  stream.resume();
  await closed;
  return stream.rstCode ?? -1;
}

function send(
  client: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  body?: string | Buffer,
): Promise<Answer> {
  const stream = client.request(headers, { endStream: body === undefined });
  if (body !== undefined) stream.end(body);
  return answerTo(stream);
}

describe('a stream', () => {
  test('S6: is one request like any other, from a plain connection', async () => {
    const client = await start();
    const { status, body } = await send(
      client,
      { ':method': 'POST', ':path': '/x?y=1', 'x-a': ['1', '2'] },
      'hello',
    );
    expect(status).toBe(200);
    const seen = JSON.parse(body) as Record<string, unknown>;
    expect(seen).toMatchObject({
      origin: { kind: 'base', secure: false },
      method: 'POST',
      url: '/x?y=1',
      body: 'hello',
    });
    const host = ['host', `127.0.0.1:${sidecar.port}`];
    const framing = ['transfer-encoding', 'chunked', 'connection', 'close'];
    expect(seen['rawHeaders']).toEqual(['x-a', '1', 'x-a', '2', ...host, ...framing]);
  });

  test.each(['GET', 'HEAD', 'DELETE', 'POST'])('%s without a body has none', async (method) => {
    let framing: (string | undefined)[] = [];
    const client = await start({
      handle({ headers }, response) {
        framing = [headers['content-length'], headers['transfer-encoding']];
        response.end('answer');
      },
    });
    const { status, body } = await send(client, { ':method': method });
    expect([status, body]).toEqual([200, method === 'HEAD' ? '' : 'answer']);
    expect(framing).toEqual([method === 'POST' ? '0' : undefined, undefined]);
  });

  test.each([204, 304])('may be answered %d', async (code) => {
    const client = await start({ handle: (_, response) => response.writeHead(code).end() });
    expect(await send(client, {})).toMatchObject({ status: code, body: '' });
  });

  test('gets duplicated headers and trailers of the answer', async () => {
    const client = await start({
      handle(_, response) {
        response.writeHead(200, { 'set-cookie': ['a', 'b'], trailer: 'x-sum', 'x-b': 'c' });
        response.write('1');
        response.addTrailers({ 'x-sum': 'abc' });
        response.end();
      },
    });
    const { headers, trailers, body } = await send(client, {});
    expect(headers).toMatchObject({ 'set-cookie': ['a', 'b'], 'x-b': 'c' });
    expect(Object.keys(headers)).not.toContain('transfer-encoding');
    expect(body).toBe('1');
    expect(trailers).toMatchObject({ 'x-sum': 'abc' });
  });

  test('that waits for 100 Continue gets it', async () => {
    const client = await start({
      handle(request, response, continues) {
        expect(continues).toBe(true);
        response.writeContinue();
        request.pipe(response);
      },
    });
    const stream = client.request({ ':method': 'POST', expect: '100-continue' }, { endStream: false });
    const answered = answerTo(stream);
    await once(stream, 'continue');
    stream.end('late');
    expect((await answered).body).toBe('late');
  });

  test('goes through by the hundred, on one session, with large bodies both ways', async () => {
    const client = await start({ handle: (request, response) => request.pipe(response) });
    await once(client, 'remoteSettings');
    const block = Buffer.alloc(300_000, 'seks');
    const answers = await Promise.all(
      Array.from({ length: MAX_STREAMS_PER_SESSION }, () => send(client, { ':method': 'POST' }, block)),
    );
    expect(answers.every(({ status, body }) => status === 200 && body.length === block.length)).toBe(true);
  });

  test('whose request is refused early still gets the whole answer', async () => {
    const client = await start({
      handle(_, response) {
        response.writeHead(401, { 'content-type': 'text/plain' });
        response.end('x'.repeat(100_000));
      },
    });
    const { status, body } = await send(client, { ':method': 'POST' }, Buffer.alloc(4_000_000));
    expect([status, body.length]).toEqual([401, 100_000]);
    expect((await send(client, { ':method': 'POST' }, 'again')).status).toBe(401);
  });

  test.each([
    ['a header', (response: ServerResponse) => response.writeHead(200, ['etag', 'a', 'etag', 'b']).end()],
    [
      'a trailer',
      (response: ServerResponse) => {
        response.writeHead(200, { trailer: 'etag' }).write('1');
        response.addTrailers([
          ['etag', 'a'],
          ['etag', 'b'],
        ]);
        response.end();
      },
    ],
  ])('whose answer has %s twice that HTTP/2 allows once is reset, and nothing else is', async (_, answer) => {
    const client = await start({
      handle: (request, response) => (request.url === '/twice' ? answer(response) : response.end('fine')),
    });
    expect(await resetCode(client.request({ ':path': '/twice' }))).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    expect((await send(client, {})).body).toBe('fine');
  });
});

describe('back-pressure', () => {
  const BLOCK = Buffer.alloc(65_536);
  const TOTAL_BYTES = 16 * 1024 * 1024;
  /** far more than all windows and buffers on the way, far less than the whole */
  const MAX_UNDER_WAY_BYTES = 2 * 1024 * 1024;

  /** writes as much as it is let; `written` says how much that was so far */
  function pump(to: Writable): { written: number } {
    const progress = { written: 0 };
    const go = (): void => {
      while (progress.written < TOTAL_BYTES) {
        progress.written += BLOCK.length;
        if (!to.write(BLOCK)) {
          to.once('drain', go);
          return;
        }
      }
      to.end();
    };
    go();
    return progress;
  }

  /** resolves when nothing has moved for many turns of the event loop */
  async function standstill(progress: { written: number }): Promise<void> {
    for (let still = 0, last = -1; still < 200; still = progress.written === last ? still + 1 : 0) {
      last = progress.written;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  test('holds the server back when the client does not read', async () => {
    let progress: { written: number } | undefined;
    const client = await start({ handle: (_, response) => void (progress = pump(response)) });
    const stream = client.request({});
    await once(stream, 'response');
    await standstill(progress ?? { written: 0 });
    expect(progress?.written).toBeGreaterThan(0);
    expect(progress?.written).toBeLessThan(MAX_UNDER_WAY_BYTES);
    let received = 0;
    for await (const chunk of stream) received += (chunk as Buffer).length;
    expect(received).toBe(TOTAL_BYTES);
  });

  test('holds the client back when the server does not read', async () => {
    let request: IncomingMessage | undefined;
    let received = 0;
    const client = await start({
      handle(incoming, response) {
        request = incoming;
        incoming.on('end', () => response.end());
      },
    });
    const stream = client.request({ ':method': 'POST' }, { endStream: false });
    const progress = pump(stream);
    await standstill(progress);
    expect(progress.written).toBeGreaterThan(0);
    expect(progress.written).toBeLessThan(MAX_UNDER_WAY_BYTES);
    request?.on('data', (chunk: Buffer) => (received += chunk.length));
    expect((await answerTo(stream)).status).toBe(200);
    expect(received).toBe(TOTAL_BYTES);
  });
});

describe('breaking off', () => {
  test('S12: a cut by the server resets the stream, before the head and after it', async () => {
    const client = await start({
      handle({ url }, response) {
        if (url === '/late') response.write('data', () => response.destroy());
        else response.destroy();
      },
    });
    for (const path of ['/', '/late']) {
      expect(await resetCode(client.request({ ':path': path }))).toBe(constants.NGHTTP2_INTERNAL_ERROR);
    }
  });

  test.each([
    ['resets its stream', (stream: ClientHttp2Stream) => stream.close(constants.NGHTTP2_CANCEL)],
    ['closes the connection', (stream: ClientHttp2Stream) => stream.session?.destroy()],
  ])('a client that %s ends the request at once, while it waits and while it streams', async (_, abort) => {
    const ended: Promise<unknown>[] = [];
    await start({
      handle(request, response) {
        ended.push(once(response, 'close'));
        if (request.url === '/streams') {
          // More than all windows hold, so that data is under way in the pair.
          while (response.write(Buffer.alloc(65_536)));
        }
        request.resume();
      },
    });
    for (const path of ['/waits', '/streams']) {
      const stream = session().request({ ':path': path, ':method': 'POST' }, { endStream: false });
      stream.on('error', () => undefined);
      stream.write('some');
      const expected = ended.length + 1;
      while (ended.length < expected) await new Promise((resolve) => setImmediate(resolve));
      abort(stream);
      await ended.at(-1);
    }
    await sidecar.listener.drain();
  });
});

describe('limits', () => {
  test('streams count like connections, and one too many may be tried again', async () => {
    const waiting: ServerResponse[] = [];
    const client = await start({
      limits: { maxConnections: 3 },
      handle: (_, response) => void waiting.push(response),
    });
    const answers = [client.request({}), client.request({})].map(answerTo);
    while (waiting.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(await resetCode(client.request({}))).toBe(constants.NGHTTP2_REFUSED_STREAM);
    for (const response of waiting.splice(0)) response.end();
    await Promise.all(answers);
    const next = client.request({});
    while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve));
    waiting[0]?.end();
    expect((await answerTo(next)).status).toBe(200);
  });

  test('one session too many is closed', async () => {
    const client = await start({ limits: { maxHttp2Sessions: 1 } });
    expect((await send(client, {})).status).toBe(200);
    const second = session();
    await once(second, 'close').catch(() => undefined);
    expect(second.destroyed).toBe(true);
    expect((await send(client, {})).status).toBe(200);
  });

  test('a session that never sends its SETTINGS is closed in time', async () => {
    const scheduler = createManualScheduler();
    await start({ scheduler });
    const { socket, until, closed } = sidecar.dial();
    socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    await until(bytes('\0\0.\x04'));
    await scheduler.advance(15_000);
    await closed;
  });

  test('a head beyond 32 KiB is refused, and the session goes on', async () => {
    const client = await start();
    // Our SETTINGS are not known to the client yet: the inner server has the same limit.
    const early = await send(client, { 'x-a': 'b'.repeat(33_000) });
    expect([early.status, early.headers['x-seks-error']]).toEqual([400, 'SEKS_REQUEST_MALFORMED']);
    expect(await resetCode(client.request({ 'x-a': 'b'.repeat(33_000) }))).toBe(
      constants.NGHTTP2_ENHANCE_YOUR_CALM,
    );
    expect((await send(client, { 'x-a': 'b'.repeat(20_000) })).status).toBe(200);
  });
});

/** frame of HTTP/2 (RFC 9113 §4.1) */
function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const body = Buffer.from(payload as string, 'latin1');
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, body]);
}

const [HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION] = [1, 3, 4, 6, 9];
const [END_STREAM, END_HEADERS] = [1, 4];
const PREFACE = Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(SETTINGS, 0, 0)]);

/** literal header fields without indexing (RFC 7541 §6.2.2) */
function fields(list: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  for (let i = 0; i < list.length; i += 2) {
    const [name, value] = [Buffer.from(list[i] ?? ''), Buffer.from(list[i + 1] ?? '')];
    parts.push(Buffer.of(0, name.length), name, Buffer.of(value.length), value);
  }
  return Buffer.concat(parts);
}

const GET = [':method', 'GET', ':scheme', 'http', ':path', '/', ':authority', 'a'];

describe('raw frames', () => {
  test.each([
    ['upper case in a name', [...GET, 'X-A', '1']],
    ['connection', [...GET, 'connection', 'close']],
    ['transfer-encoding', [...GET, 'transfer-encoding', 'chunked']],
    ['te: gzip', [...GET, 'te', 'gzip']],
    [':path twice', [...GET, ':path', '/y']],
    ['no :path', [...GET.slice(0, 4), ...GET.slice(6)]],
    ['a pseudo-header after others', [...GET.slice(0, 6), 'x-a', '1', ':authority', 'a']],
    ['a length that is not kept', [...GET, 'content-length', '5']],
    ['scheme https', [':method', 'GET', ':scheme', 'https', ...GET.slice(4)]],
    ['CONNECT', [':method', 'CONNECT', ':authority', 'a:443']],
    ['extended CONNECT', [':method', 'CONNECT', ':protocol', 'websocket', ...GET.slice(2)]],
    ['a space in the path', [...GET.slice(0, 4), ':path', '/a b', ':authority', 'a']],
    ['a line feed in the method', [':method', 'GET\r\n', ...GET.slice(2)]],
    ['a method that is none', [':method', 'FOO', ...GET.slice(2)]],
  ])('S6: %s never reaches the handler', async (_, head) => {
    let handled = 0;
    await start({ handle: (__, response) => void response.end(String((handled += 1))) });
    const { socket, received, until } = sidecar.dial();
    socket.write(Buffer.concat([PREFACE, frame(HEADERS, END_STREAM | END_HEADERS, 1, fields(head))]));
    // Either the stream is reset (type 3), or answered with 400 or 405, or the session is ended (type 7).
    await until(
      bytes('\0\0\x04\x03\0\0\0\0\x01|\0\0.\x07\0\0\0\0\0|SEKS_(?:REQUEST_MALFORMED|METHOD_REFUSED)'),
    );
    expect(handled).toBe(0);
    expect(received().length).toBeGreaterThan(0);
  });

  test('S6: a header with a line feed in its value is forwarded by nobody', async () => {
    await start();
    const { socket, until } = sidecar.dial();
    const head = fields([...GET, 'x-a', '1\r\nx-b: 2', 'x-c', '3']);
    socket.write(Buffer.concat([PREFACE, frame(HEADERS, END_STREAM | END_HEADERS, 1, head)]));
    expect(await until(/"rawHeaders":\[.*\]/)).toContain(
      '"rawHeaders":["x-c","3","host","a","connection","close"]',
    );
  });

  test('CVE-2023-44487: rapid resets end the session, and with it every request', async () => {
    let handled = 0;
    let tell: (() => void) | undefined;
    await start({
      handle() {
        handled += 1;
        tell?.();
      },
    });
    const { socket, until } = sidecar.dial();
    const frames: Buffer[] = [PREFACE];
    for (let i = 0; i < 2_000; i += 1) {
      const id = i * 2 + 1;
      frames.push(
        frame(HEADERS, END_STREAM | END_HEADERS, id, fields(GET)),
        frame(RST_STREAM, 0, id, '\0\0\0\x08'),
      );
    }
    socket.write(Buffer.concat(frames));
    await until(bytes('\0\0.\x07\0\0\0\0\0'));
    expect(handled).toBeLessThan(1_000);
    const served = new Promise<void>((resolve) => (tell = resolve));
    session().request({});
    await served;
  }, 10_000);

  test('CVE-2024-27316: a head in endless CONTINUATION frames ends the session', async () => {
    await start();
    const { socket, closed } = sidecar.dial();
    socket.write(Buffer.concat([PREFACE, frame(HEADERS, END_STREAM, 1, fields(GET))]));
    const more = frame(CONTINUATION, 0, 1, fields(['x-a', 'b'.repeat(100)]));
    while (!socket.destroyed && socket.write(more)) await new Promise((resolve) => setImmediate(resolve));
    await closed;
    expect((await send(session(), {})).status).toBe(200);
  });

  test.each([
    ['PING', frame(PING, 0, 0, '12345678')],
    ['SETTINGS', frame(SETTINGS, 0, 0, '\0\x03\0\0\0\x64')],
  ])(
    'a flood of %s whose acknowledgements nobody reads ends the session',
    async (_, one) => {
      await start();
      const { socket, closed } = sidecar.dial();
      socket.pause();
      socket.write(PREFACE);
      const many = Buffer.concat(Array.from({ length: 5_000 }, () => one));
      while (!socket.destroyed) {
        if (!socket.write(many)) {
          await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
        }
      }
      await closed;
      expect((await send(session(), {})).status).toBe(200);
    },
    20_000,
  );
});

test('draining sends GOAWAY, lets streams end and takes no new ones', async () => {
  const waiting: ServerResponse[] = [];
  const client = await start({ handle: (_, response) => void waiting.push(response) });
  const running = client.request({});
  while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const goaway = once(client, 'goaway');
  const drained = sidecar.listener.drain();
  await goaway;
  waiting[0]?.end('whole');
  expect((await answerTo(running)).body).toBe('whole');
  await drained;
});
