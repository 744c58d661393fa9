// HTTP/2 with prior knowledge: how much of it there may be at a time.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ClientHttp2Session, constants } from 'node:http2';
import type { Writable } from 'node:stream';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { answerTo, type Http2Rig, resetCode, send, startHttp2Rig } from './testing/http2-rig.ts';
import { bytes, type TestListenerOptions } from './testing/test-listener.ts';

let rig: Http2Rig;

async function start(options?: TestListenerOptions): Promise<ClientHttp2Session> {
  rig = await startHttp2Rig(options);
  return rig.session();
}

afterEach(async () => rig.close());

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
    const second = rig.session();
    await once(second, 'close').catch(() => undefined);
    expect(second.destroyed).toBe(true);
    expect((await send(client, {})).status).toBe(200);
  });

  test('a session that never sends its SETTINGS is closed in time', async () => {
    const scheduler = createManualScheduler();
    await start({ scheduler });
    const { socket, until, closed } = rig.sidecar.dial();
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
