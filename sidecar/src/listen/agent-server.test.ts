// The listener as a whole: limits over all protocols, upgrades, and its end.
import { afterEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect as connectPlain } from 'node:net';
import { connect as connectTls } from 'node:tls';

import { converse, HOST, startListener, type TestListener } from './testing/test-listener.ts';

let sidecar: TestListener;

afterEach(async () => {
  await sidecar.close();
});

const GET = 'GET /x HTTP/1.1\r\nHost: a\r\n\r\n';

async function turn(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

describe('S7: maxConnections', () => {
  test('counts silent ones, handshakes that never end, plain ones and tunnels together, on all ports', async () => {
    sidecar = await startListener({ limits: { maxConnections: 4 } });
    const second = sidecar.listener.serverFor(443).listen(0, '127.0.0.1');
    await once(second, 'listening');
    const silent = sidecar.dial();
    await once(silent.socket, 'connect');
    const handshake = sidecar.dial();
    handshake.socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff]));
    const tunnel = sidecar.dial();
    tunnel.socket.write(`CONNECT ${HOST}:443 HTTP/1.1\r\n\r\n`);
    await tunnel.until(/Established/);
    const plain = sidecar.dial();
    plain.socket.write(GET);
    await plain.until(/200 OK/);
    for (const port of [sidecar.port, (second.address() as AddressInfo).port]) {
      const { closed, received } = converse(connectPlain(port, '127.0.0.1'));
      await closed;
      expect(received()).toHaveLength(0);
    }
    // A place that becomes free is used again.
    silent.socket.destroy();
    await silent.closed;
    for (;;) {
      const { socket, until } = sidecar.dial();
      socket.write(GET);
      const served = await until(/200 OK/).catch(() => '');
      socket.destroy();
      if (served !== '') break;
    }
  });
});

describe('an upgrade to WebSocket', () => {
  const UPGRADE = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n';

  test('is handed over with what came after its head', async () => {
    sidecar = await startListener({
      upgrade(request, socket, head) {
        socket.write(`${request.url} ${head.toString()}`);
        socket.on('data', (chunk: Buffer) => socket.end(`+${chunk.toString()}`));
      },
    });
    const { socket, until } = sidecar.dial();
    socket.write(`${UPGRADE}first`);
    await until(/^\/ws first$/);
    socket.write('second');
    await until(/^\/ws first\+second$/);
  });

  test('is handed over within TLS', async () => {
    sidecar = await startListener({ upgrade: (_, socket) => void socket.end('upgraded') });
    const client = connectTls({ host: '127.0.0.1', port: sidecar.port, ca: sidecar.ca, servername: HOST });
    client.write(UPGRADE);
    await converse(client).until(/^upgraded$/);
  });

  test.each([
    ['where nobody takes it', undefined, UPGRADE],
    ['to something else', () => undefined, UPGRADE.replace('WebSocket', 'h2c')],
  ])('S6: %s is a request like any other', async (_, upgrade, bytes) => {
    sidecar = await startListener(upgrade === undefined ? {} : { upgrade });
    const { socket, until } = sidecar.dial();
    socket.write(bytes);
    await until(/"url":"\/ws"/);
  });
});

describe('draining', () => {
  test('closes what is idle or undecided, ends what runs, on every protocol', async () => {
    const running: ServerResponse[] = [];
    sidecar = await startListener({
      handle(request, response) {
        if (request.url === '/x') response.end('done');
        else running.push(response);
      },
    });
    const silent = sidecar.dial();
    const handshake = sidecar.dial();
    handshake.socket.write(Buffer.from([0x16, 0x03, 0x01, 0x00, 0xff]));
    const idle = sidecar.dial();
    idle.socket.write(GET);
    await idle.until(/done/);
    const { port, ca } = sidecar;
    const secure = converse(connectTls({ host: '127.0.0.1', port, ca, servername: HOST }));
    secure.socket.write(GET.replace('/x', '/long'));
    const plain = sidecar.dial();
    plain.socket.write(GET.replace('/x', '/long'));
    const http2 = connectHttp2(`http://127.0.0.1:${port}`);
    const stream = http2.request({ ':path': '/long' });
    while (running.length < 3) await turn();
    let drained = false;
    const draining = sidecar.listener.drain().then(() => (drained = true));
    await Promise.all([silent.closed, handshake.closed, idle.closed]);
    expect([secure.socket.destroyed, plain.socket.destroyed, stream.destroyed, drained]).toEqual([
      false,
      false,
      false,
      false,
    ]);
    for (const response of running) response.end('whole');
    await Promise.all([secure.until(/whole/), plain.until(/whole/)]);
    stream.setEncoding('latin1');
    expect((await stream.toArray()).join('')).toBe('whole');
    await draining;
    const [late] = (await once(connectPlain(port, '127.0.0.1'), 'error')) as [NodeJS.ErrnoException];
    expect(late.code).toBe('ECONNREFUSED');
  });

  test('S14: a slow reader gets its answer to the end', async () => {
    // More than the kernel takes for a socket that is not read.
    const body = Buffer.alloc(32 * 1024 * 1024, 'x');
    const ended: ServerResponse[] = [];
    sidecar = await startListener({
      handle(_request, response) {
        ended.push(response.end(body));
      },
    });
    const socket = connectPlain(sidecar.port, '127.0.0.1');
    socket.pause().write(GET);
    while (ended.length === 0) await turn();
    const draining = sidecar.listener.drain();
    let bytes = 0;
    for await (const chunk of socket) bytes += (chunk as Buffer).length;
    expect(bytes).toBeGreaterThan(body.length);
    await draining;
  });
});

test('S9: the answer to what could not be parsed says nothing of it', async () => {
  sidecar = await startListener();
  const { socket, closed, received } = sidecar.dial();
  socket.write('CANARY canary\r\n\r\n');
  await closed;
  expect(received().toString()).toContain('SEKS_REQUEST_MALFORMED');
  expect(received().toString().toLowerCase()).not.toContain('canary');
});
