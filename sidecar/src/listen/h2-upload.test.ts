// Uploads over HTTP/2 that stop: the same as over HTTP/1.1, where a socket times out.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';

import { createManualScheduler, type ManualScheduler } from '../testing/manual-scheduler.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';
import { until } from '../testing/until.ts';
import { startListener, type TestListener, type TestListenerOptions } from './testing/test-listener.ts';

const IDLE_MS = 60_000;
const TEN_MINUTES_MS = 600_000;

let scheduler: ManualScheduler;
let client: ClientHttp2Session;

interface Result {
  status: unknown;
  code: unknown;
  body: string;
  /** what the stream was closed with */
  rstCode: number | undefined;
}

/** all that comes; the request need not have come to its end */
async function resultOf(stream: ClientHttp2Stream): Promise<Result> {
  let head: Record<string, unknown> = {};
  let body = '';
  stream.on('response', (fields) => (head = fields));
  stream.on('error', () => undefined);
  stream.setEncoding('latin1').on('data', (chunk: string) => (body += chunk));
  await new Promise((resolve) => stream.once('close', resolve));
  return { status: head[':status'], code: head['x-seks-error'], body, rstCode: stream.rstCode };
}

describe('S7: an upload to a provider', () => {
  let upstream: TestUpstream;
  let sidecar: TestSidecar;
  let received: string;
  let authorization: string;

  async function start(): Promise<void> {
    upstream = await startUpstream();
    scheduler = createManualScheduler();
    const token = fakeToken();
    authorization = `Bearer ${token}`;
    const provider = upstream.provider('openai');
    const limits = { concurrentRequests: 1 };
    sidecar = await startSidecar({
      credentials: [{ provider, token, key: 'sk-CANARY-openai-0123456789', limits }],
      addresses: { [upstream.host]: ['127.0.0.1'] },
      scheduler,
    });
    received = '';
    upstream.answer((request, response) => {
      request.setEncoding('latin1').on('data', (chunk: string) => (received += chunk));
      request.on('end', () => response.end('whole'));
    });
    client = connect(sidecar.base);
  }

  function post(): ClientHttp2Stream {
    return client.request(
      { ':method': 'POST', ':path': '/openai/v1/x', authorization },
      { endStream: false },
    );
  }

  afterEach(async () => {
    client.destroy();
    await sidecar.close();
    await upstream.close();
  });

  test.each(['', 'abc'])(
    'that stops after "%s" is refused with a code, and everything let go',
    async (begun) => {
      await start();
      const stream = post();
      if (begun !== '') stream.write(begun);
      const inFlight = /^seks_inflight_requests\{.* 1$/m;
      await until(async () => inFlight.test(await sidecar.metrics.registry.metrics()));
      await until(() => received === begun);
      const result = resultOf(stream);
      await scheduler.advance(IDLE_MS);
      const { body, ...head } = await result;
      expect(head).toEqual({ status: 408, code: 'SEKS_BODY_TIMEOUT', rstCode: constants.NGHTTP2_NO_ERROR });
      expect(JSON.parse(body)).toMatchObject({ error: { code: 'SEKS_BODY_TIMEOUT' } });
      expect(sidecar.audit).toMatchObject([{ code: 'SEKS_BODY_TIMEOUT', status: 408 }]);
      // The only permit.
      const next = post();
      next.end();
      expect(await resultOf(next)).toMatchObject({ status: 200, body: 'whole' });
      await sidecar.side.drain();
    },
  );

  test('that trickles is no fault, however long it takes in all', async () => {
    await start();
    const stream = post();
    const result = resultOf(stream);
    for (const expected of ['a', 'aa', 'aaa']) {
      stream.write('a');
      await until(() => received === expected);
      await scheduler.advance(IDLE_MS - 1);
    }
    stream.end();
    expect(await result).toMatchObject({ status: 200, body: 'whole' });
  });

  test('that has come leaves the provider all the time it needs', async () => {
    await start();
    let answer = (): void => undefined;
    upstream.answer((request, response) => {
      request.resume().on('end', () => (answer = () => response.end('late')));
      received = 'head';
    });
    const stream = post();
    const result = resultOf(stream);
    stream.end('abc');
    await until(() => received === 'head');
    await scheduler.advance(TEN_MINUTES_MS);
    answer();
    expect(await result).toMatchObject({ status: 200, body: 'late' });
  });
});

describe('a stream', () => {
  const BLOCK = Buffer.alloc(1_000_000);
  let sidecar: TestListener;

  async function start(options: TestListenerOptions): Promise<void> {
    scheduler = createManualScheduler();
    sidecar = await startListener({ ...options, scheduler });
    client = connect(`http://127.0.0.1:${sidecar.port}`);
    client.on('error', () => undefined);
  }

  afterEach(async () => {
    client.destroy();
    await sidecar.close();
  });

  test('whose upload nobody takes for now is not to blame', async () => {
    let request: IncomingMessage | undefined;
    await start({
      handle(incoming, response) {
        request = incoming;
        incoming.on('end', () => response.end('whole'));
      },
    });
    const stream = client.request({ ':method': 'POST' }, { endStream: false });
    const result = resultOf(stream);
    stream.end(BLOCK);
    await until(() => request !== undefined);
    await scheduler.advance(TEN_MINUTES_MS);
    request?.resume();
    expect(await result).toMatchObject({ status: 200, body: 'whole' });
    expect(scheduler.pending()).toEqual([]);
  });

  test('whose answer goes on is not to blame for a pause of its upload', async () => {
    let write: (text: string) => void = () => undefined;
    await start({
      handle(request, response) {
        request.resume().on('end', () => response.end('b'));
        write = (text) => void response.write(text);
        write('a');
      },
    });
    const stream = client.request({ ':method': 'POST' }, { endStream: false });
    let answer = '';
    stream.setEncoding('latin1').on('data', (chunk: string) => (answer += chunk));
    for (const expected of ['a', 'aa', 'aaa']) {
      await until(() => answer === expected);
      await scheduler.advance(IDLE_MS - 1);
      write('a');
    }
    stream.end();
    await once(stream, 'close');
    expect([stream.rstCode, answer]).toEqual([constants.NGHTTP2_NO_ERROR, 'aaaab']);
  });

  test.each([
    ['long', BLOCK.length, 'has ended'],
    ['long', BLOCK.length, 'goes on'],
    ['nearly through', 100_000, 'goes on'],
  ])(
    'whose answer the agent does not read waits for it: %s (%d bytes), the upload %s',
    async (_, size, upload) => {
      await start({ handle: (__, response) => response.end(BLOCK.subarray(0, size)) });
      const stream = client.request({ ':method': 'POST' }, { endStream: false });
      if (upload === 'has ended') stream.end('abc');
      else stream.write('abc');
      await once(stream, 'response');
      await scheduler.advance(TEN_MINUTES_MS);
      const result = resultOf(stream);
      let end = false;
      stream.once('end', () => (end = true));
      await until(() => end);
      await scheduler.advance(IDLE_MS);
      expect((await result).body).toHaveLength(size);
    },
  );

  test.each([
    ['refused early', {}, 401],
    ['refused without a body', { ':method': 'HEAD' }, 401],
    ['malformed', { ':scheme': 'https' }, 400],
  ])(
    'whose request was %s and never ends is closed after a while, with its answer',
    async (_, head, status) => {
      await start({ handle: (__, response) => response.writeHead(401).end() });
      const stream = client.request({ ':method': 'POST', ...head }, { endStream: false });
      const answered = once(stream, 'response');
      const result = resultOf(stream);
      stream.write('abc');
      await answered;
      await scheduler.advance(IDLE_MS - 1);
      expect(stream.closed).toBe(false);
      await scheduler.advance(1);
      expect(await result).toMatchObject({ status, rstCode: constants.NGHTTP2_NO_ERROR });
      await sidecar.listener.drain();
    },
  );

  test.each(['ends', 'is reset'])('that %s leaves no timer behind', async (end) => {
    await start({ handle: (request, response) => void request.pipe(response) });
    const stream = client.request({ ':method': 'POST' }, { endStream: false });
    const result = resultOf(stream);
    stream.write('abc');
    await once(stream, 'response');
    expect(scheduler.pending()).toEqual([IDLE_MS]);
    if (end === 'ends') stream.end();
    else stream.close(constants.NGHTTP2_CANCEL);
    await result;
    await until(() => scheduler.pending().length === 0);
  });
});
