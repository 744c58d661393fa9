// HTTP/2 with prior knowledge: frames as no real client sends them.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';

import { type Http2Rig, send, startHttp2Rig } from './testing/http2-rig.ts';
import { bytes, type TestListenerOptions } from './testing/test-listener.ts';

let rig: Http2Rig;

async function start(options?: TestListenerOptions): Promise<void> {
  rig = await startHttp2Rig(options);
}

afterEach(async () => rig.close());

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
    const { socket, received, until } = rig.sidecar.dial();
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
    const { socket, until } = rig.sidecar.dial();
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
    const { socket, until } = rig.sidecar.dial();
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
    rig.session().request({});
    await served;
  }, 10_000);

  test('CVE-2024-27316: a head in endless CONTINUATION frames ends the session', async () => {
    await start();
    const { socket, closed } = rig.sidecar.dial();
    socket.write(Buffer.concat([PREFACE, frame(HEADERS, END_STREAM, 1, fields(GET))]));
    const more = frame(CONTINUATION, 0, 1, fields(['x-a', 'b'.repeat(100)]));
    while (!socket.destroyed && socket.write(more)) await new Promise((resolve) => setImmediate(resolve));
    await closed;
    expect((await send(rig.session(), {})).status).toBe(200);
  });

  test.each([
    ['PING', frame(PING, 0, 0, '12345678')],
    ['SETTINGS', frame(SETTINGS, 0, 0, '\0\x03\0\0\0\x64')],
  ])(
    'a flood of %s whose acknowledgements nobody reads ends the session',
    async (_, one) => {
      await start();
      const { socket, closed } = rig.sidecar.dial();
      socket.pause();
      socket.write(PREFACE);
      const many = Buffer.concat(Array.from({ length: 5_000 }, () => one));
      while (!socket.destroyed) {
        if (!socket.write(many)) {
          await Promise.race([once(socket, 'drain').catch(() => undefined), closed]);
        }
      }
      await closed;
      expect((await send(rig.session(), {})).status).toBe(200);
    },
    20_000,
  );
});
