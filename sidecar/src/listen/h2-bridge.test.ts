// HTTP/2 with prior knowledge: streams of real clients, and what happens when either side breaks off.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, constants } from 'node:http2';

import { MAX_STREAMS_PER_SESSION } from './h2-bridge.ts';
import { answerTo, type Http2Rig, resetCode, send, startHttp2Rig } from './testing/http2-rig.ts';
import type { TestListenerOptions } from './testing/test-listener.ts';

let rig: Http2Rig;

async function start(options?: TestListenerOptions): Promise<ClientHttp2Session> {
  rig = await startHttp2Rig(options);
  return rig.session();
}

afterEach(async () => rig.close());

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
    const host = ['host', `127.0.0.1:${rig.sidecar.port}`];
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
      const stream = rig.session().request({ ':path': path, ':method': 'POST' }, { endStream: false });
      stream.on('error', () => undefined);
      stream.write('some');
      const expected = ended.length + 1;
      while (ended.length < expected) await new Promise((resolve) => setImmediate(resolve));
      abort(stream);
      await ended.at(-1);
    }
    await rig.sidecar.listener.drain();
  });
});

test('draining sends GOAWAY, lets streams end and takes no new ones', async () => {
  const waiting: ServerResponse[] = [];
  const client = await start({ handle: (_, response) => void waiting.push(response) });
  const running = client.request({});
  while (waiting.length < 1) await new Promise((resolve) => setImmediate(resolve));
  const goaway = once(client, 'goaway');
  const drained = rig.sidecar.listener.drain();
  await goaway;
  waiting[0]?.end('whole');
  expect((await answerTo(running)).body).toBe('whole');
  await drained;
});
