// TLS on the agent's port: which names are answered, what happens to the others, and to clients that are slow or broken.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectPlain, createServer } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';

import { createManualScheduler } from '../testing/manual-scheduler.ts';
import { ALIAS_ONLY, converse, HOST, startListener, type TestListener } from './testing/test-listener.ts';

let sidecar: TestListener;

beforeAll(async () => {
  sidecar = await startListener();
});

afterAll(async () => {
  await sidecar.close();
});

function dial(options: ConnectionOptions) {
  return converse(connect({ host: '127.0.0.1', port: sidecar.port, ca: sidecar.ca, ...options }));
}

async function reported(options: ConnectionOptions): Promise<Record<string, unknown>> {
  const { socket, until } = dial(options);
  socket.write('GET /x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
  const answer = await until(/\n\r\n[^]*\}\n/);
  return JSON.parse(answer.slice(answer.indexOf('{'), answer.lastIndexOf('}') + 1)) as Record<
    string,
    unknown
  >;
}

async function failure(options: ConnectionOptions): Promise<string | undefined> {
  const socket = connect({ host: '127.0.0.1', port: sidecar.port, ca: sidecar.ca, ...options });
  const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
  return error.code;
}

describe('the server name', () => {
  test.each([
    [HOST, { kind: 'host', host: HOST }],
    [HOST.toUpperCase(), { kind: 'host', host: HOST }],
    [ALIAS_ONLY, { kind: 'host', host: ALIAS_ONLY }],
    ['localhost', { kind: 'base', secure: true }],
  ])('S6: %s decides the origin', async (servername, origin) => {
    expect(await reported({ servername })).toMatchObject({ origin });
  });

  test('may be left out by clients that dial the address', async () => {
    expect(await reported({})).toMatchObject({ origin: { kind: 'base', secure: true } });
  });

  test.each(['evil.example', `x.${HOST}`, `${HOST}.evil.example`, 'openai.com'])(
    'S6: %s is refused with the alert that RFC 6066 has for it',
    async (servername) => {
      const before = sidecar.tlsRefusals.length;
      expect(await failure({ servername, rejectUnauthorized: false })).toBe(
        'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
      );
      expect(sidecar.tlsRefusals.slice(before)).toEqual(['server-name']);
    },
  );

  test('S6: is looked at in every handshake: sessions are not resumed', async () => {
    const options = { servername: HOST, maxVersion: 'TLSv1.2' } as const;
    const first = connect({ host: '127.0.0.1', port: sidecar.port, ca: sidecar.ca, ...options });
    await once(first, 'secureConnect');
    const session = first.getSession();
    first.destroy();
    expect(session).toBeDefined();
    const again = connect({
      host: '127.0.0.1',
      port: sidecar.port,
      ca: sidecar.ca,
      ...options,
      ...(session && { session }),
    });
    await once(again, 'secureConnect');
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  });
});

describe('the handshake', () => {
  test.each([
    [['h3'], 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
    [['spdy/3', 'http/1.0'], 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL'],
  ])('with ALPN %j alone fails', async (ALPNProtocols, code) => {
    expect(await failure({ servername: HOST, ALPNProtocols })).toBe(code);
  });

  test('chooses HTTP/1.1 where the client would rather have HTTP/2', async () => {
    const socket = connect({
      host: '127.0.0.1',
      port: sidecar.port,
      ca: sidecar.ca,
      servername: HOST,
      ALPNProtocols: ['h2', 'http/1.1'],
    });
    await once(socket, 'secureConnect');
    expect(socket.alpnProtocol).toBe('http/1.1');
    socket.destroy();
  });

  test('with TLS 1.1 fails', async () => {
    const code = await failure({
      servername: HOST,
      minVersion: 'TLSv1.1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    });
    expect(code).toMatch(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL/);
  });

  test('may come in pieces, down to single bytes', async () => {
    // A relay between client and sidecar that passes on one byte at a time.
    const relay = createServer((client) => {
      const upstream = connectPlain(sidecar.port, '127.0.0.1').setNoDelay(true);
      client.on('data', (chunk) => {
        client.pause();
        void (async () => {
          for (const byte of chunk) {
            upstream.write(Buffer.of(byte));
            await new Promise((resolve) => setImmediate(resolve));
          }
          client.resume();
        })();
      });
      upstream.pipe(client);
      client.on('error', () => upstream.destroy());
      client.on('close', () => upstream.destroy());
    }).listen(0, '127.0.0.1');
    await once(relay, 'listening');
    const { port } = relay.address() as { port: number };
    expect(await reported({ servername: HOST, port })).toMatchObject({
      origin: { kind: 'host', host: HOST },
    });
    relay.close();
  });

  test('that the client breaks off because it does not trust the CA is counted', async () => {
    const before = sidecar.tlsRefusals.length;
    const code = await failure({ servername: HOST, ca: '' });
    expect(code).toBe('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    // The alert has arrived when a later connection was served.
    await reported({ servername: HOST });
    // With TLS 1.3 Node's client says nothing when it rejects; others send an alert.
    expect(sidecar.tlsRefusals.slice(before).every((reason) => reason === 'handshake')).toBe(true);
  });

  test('that never ends is closed in time, however busy it is', async () => {
    const scheduler = createManualScheduler();
    const own = await startListener({ scheduler });
    const { socket, closed } = own.dial();
    await once(socket, 'connect');
    socket.setNoDelay(true);
    // A record of 16,000 bytes that comes a byte a second.
    socket.write(Buffer.from([0x16, 0x03, 0x01, 0x3e, 0x80, 0x01, 0x00, 0x3e, 0x7c]));
    const other = own.dial();
    other.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    await other.until(/200 OK/);
    for (let second = 0; second < 9; second += 1) {
      socket.write(Buffer.of(0));
      await scheduler.advance(1000);
    }
    expect(socket.destroyed).toBe(false);
    await scheduler.advance(1000);
    await closed;
    expect(own.tlsRefusals).toEqual(['timeout']);
    await own.close();
  });

  test('may not be done again on the same connection', async () => {
    const client = spawn('openssl', [
      's_client',
      '-connect',
      `127.0.0.1:${sidecar.port}`,
      '-servername',
      HOST,
      '-tls1_2',
      '-legacy_renegotiation',
    ]);
    let output = '';
    client.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
      // The letter asks s_client to renegotiate.
      if (output.includes('Verify return code') && !client.stdin.writableEnded) client.stdin.end('R\n');
    });
    client.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(client, 'close');
    expect(output).toContain('RENEGOTIATING');
    expect(output).toMatch(/no renegotiation/);
  });
});

test('a broken record ends the connection and nothing else', async () => {
  const raw = connectPlain(sidecar.port, '127.0.0.1');
  const client = connect({ socket: raw, ca: sidecar.ca, servername: HOST });
  await once(client, 'secureConnect');
  raw.on('error', () => undefined);
  const { closed } = converse(client);
  raw.write(Buffer.from([0x17, 0x03, 0x03, 0x00, 0x05, 1, 2, 3, 4, 5]));
  await closed;
  expect(await reported({ servername: HOST })).toMatchObject({ url: '/x' });
});
