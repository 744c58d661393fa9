// Telling protocols apart by their first bytes, also when these come one by one, late, or not at all.
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { once } from 'node:events';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { protocolOf } from './sniff.ts';
import { bytes, startListener, type TestListener } from './testing/test-listener.ts';

let running: TestListener | undefined;

afterEach(async () => {
  await running?.close();
  running = undefined;
});

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

describe('protocolOf', () => {
  test.each([
    ['', undefined],
    ['\x16', 'tls'],
    ['\x16\x03\x01', 'tls'],
    ['P', undefined],
    ['PR', undefined],
    ['PRI', undefined],
    ['PRI ', 'http2'],
    [PREFACE, 'http2'],
    ['PRIX', 'http1'],
    ['PO', 'http1'],
    ['PRO', 'http1'],
    ['G', 'http1'],
    ['\x00', 'http1'],
    ['\x15', 'http1'],
  ])('%j is %s', (bytes, protocol) => {
    expect(protocolOf(Buffer.from(bytes, 'latin1'))).toBe(protocol);
  });

  test('needs four bytes at most, and says the same however many follow', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 40 }), fc.uint8Array(), (first, rest) => {
        const decided = protocolOf(Buffer.from(first));
        expect(decided).toBeDefined();
        expect(protocolOf(Buffer.concat([first, rest]))).toBe(decided);
        for (let length = 0; length < 4; length += 1) {
          expect([undefined, decided]).toContain(protocolOf(Buffer.from(first.subarray(0, length))));
        }
      }),
    );
  });
});

describe('a connection', () => {
  test.each([
    ['HTTP/1.1', GET, /^HTTP\/1\.1 200 [^]*"url":"\/x"/],
    ['a method that begins like the preface', GET.replace('GET', 'PROPFIND'), /"method":"PROPFIND"/],
    // A SETTINGS frame: length, type 4, flags, stream 0.
    ['HTTP/2', `${PREFACE}\0\0\0\x04\0\0\0\0\0`, bytes('^\0\0.\x04\0\0\0\0\0')],
    ['TLS that is none', '\x16\x03\x01\x00\x05hello', bytes('^\x15\x03')],
  ])('may send %s byte by byte', async (_, sent, answer) => {
    running = await startListener();
    const { socket, until } = running.dial();
    await once(socket, 'connect');
    socket.setNoDelay(true);
    for (const byte of Buffer.from(sent, 'latin1')) {
      if (socket.destroyed) break;
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until(answer);
  });

  test('keeps what came with the first bytes, and the order of requests', async () => {
    running = await startListener();
    const { socket, until } = running.dial();
    socket.write(GET + GET.replace('/x', '/y') + GET.replace('/x', '/z').slice(0, 10));
    await until(/"url":"\/x"[^]*"url":"\/y"/);
    socket.write(GET.replace('/x', '/z').slice(10));
    await until(/"url":"\/x"[^]*"url":"\/y"[^]*"url":"\/z"/);
  });

  test.each([
    ['says nothing', ''],
    ['stops within what could be a preface', 'PRI'],
  ])('that %s is closed in time, and not before', async (_, bytes) => {
    const scheduler = createManualScheduler();
    running = await startListener({ scheduler });
    const { socket, closed } = running.dial();
    await once(socket, 'connect');
    socket.write(bytes);
    // Another connection is served only after this one was accepted.
    const other = running.dial();
    other.socket.write(GET);
    await other.until(/200 OK/);
    await scheduler.advance(14_999);
    expect(socket.destroyed).toBe(false);
    await scheduler.advance(1);
    await closed;
  });

  test.each([
    ['before it says anything', ''],
    ['within what could be a preface', 'PR'],
  ])('that half-closes %s is closed', async (_, bytes) => {
    running = await startListener();
    const { socket, closed } = running.dial();
    socket.end(bytes);
    await closed;
  });

  test('that half-closes after its request is still answered', async () => {
    running = await startListener();
    const { socket, until } = running.dial();
    socket.end(GET);
    await until(/200 OK/);
  });

  test('with a head that does not end is closed in time', async () => {
    running = await startListener({ limits: { headersTimeoutMs: 200 } });
    const { socket, closed } = running.dial();
    socket.write(GET.slice(0, -2));
    await closed;
    expect(running.unparsable).toEqual(['SEKS_HEAD_TIMEOUT']);
  });

  test('S7: with random first bytes is refused and closed, and the listener goes on', async () => {
    const { dial } = (running = await startListener({
      limits: { headersTimeoutMs: 300, handshakeTimeoutMs: 300 },
    }));
    const prefix = fc.constantFrom(
      '',
      '\x16',
      '\x16\x03\x01\x02\x00\x01',
      'PRI ',
      PREFACE,
      'GET / HTTP/1.1\r\n',
    );
    const connection = fc.tuple(prefix, fc.uint8Array({ maxLength: 300 }), fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(connection, { minLength: 10, maxLength: 20 }), async (connections) => {
        const all = connections.map(([start, bytes, halfCloses]) => {
          const { socket, closed } = dial();
          socket.write(Buffer.concat([Buffer.from(start, 'latin1'), bytes]));
          if (halfCloses) socket.end();
          return closed;
        });
        await Promise.all(all);
      }),
      { numRuns: 15 },
    );
    const { socket, until } = dial();
    socket.write(GET);
    await until(/200 OK/);
  }, 30_000);
});
