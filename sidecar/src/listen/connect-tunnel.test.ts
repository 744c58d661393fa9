// CONNECT: for hosts of the pod's providers, with TLS of that name inside, and nothing else.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

import { tunnelHost } from './connect-tunnel.ts';
import { ALIAS_ONLY, converse, HOST, startListener, type TestListener } from './testing/test-listener.ts';

let sidecar: TestListener;

beforeAll(async () => {
  sidecar = await startListener();
});

afterAll(async () => {
  await sidecar.close();
});

const proxied = new Set([HOST]);
const TARGET = `${HOST}:443`;

describe('tunnelHost', () => {
  test.each([
    ['with its port in Host', TARGET, ['Host', TARGET]],
    ['without it', TARGET, ['host', HOST]],
    ['without Host, as in HTTP/1.0', TARGET, []],
    ['in capitals', TARGET.toUpperCase(), ['Host', HOST.toUpperCase()]],
    ['with an empty body', TARGET, ['Content-Length', '0']],
  ])('takes the host %s', (_, url, rawHeaders) => {
    expect(tunnelHost({ url, rawHeaders }, proxied)).toBe(HOST);
  });

  test.each([
    ['another host', 'evil.example:443', []],
    ['a host that is an alias only', `${ALIAS_ONLY}:443`, []],
    ['a subdomain', `x.${TARGET}`, []],
    ['a trailing dot', `${HOST}.:443`, []],
    ['a wildcard', '*.openai.com:443', []],
    ['an address', '127.0.0.1:443', []],
    ['an IPv6 address', '[::1]:443', []],
    ['userinfo', `user@${TARGET}`, []],
    ['userinfo that is the host', `${HOST}:443@evil.example:443`, []],
    ['no port', HOST, []],
    ['another port', `${HOST}:80`, []],
    ['a port with a zero before it', `${HOST}:0443`, []],
    ['a URL', `https://${TARGET}`, []],
    ['a path', `${TARGET}/`, []],
    ['nothing', '', []],
    ['another Host', TARGET, ['Host', 'evil.example']],
    ['two Hosts', TARGET, ['Host', HOST, 'Host', HOST]],
    ['a body', TARGET, ['Content-Length', '5']],
    ['a chunked body', TARGET, ['Transfer-Encoding', 'chunked']],
  ])('S6: refuses %s', (_, url, rawHeaders) => {
    expect(() => tunnelHost({ url, rawHeaders }, proxied)).toThrow(
      expect.objectContaining({ code: 'SEKS_PROXY_HOST_REFUSED' }),
    );
  });
});

/** asks for a tunnel and begins TLS in it once it is there */
async function tunnel(servername: string): Promise<TLSSocket> {
  const socket = connectPlain(sidecar.port, '127.0.0.1');
  socket.write(`CONNECT ${TARGET} HTTP/1.1\r\nHost: ${TARGET}\r\n\r\n`);
  const [answer] = (await once(socket, 'data')) as [Buffer];
  expect(answer.toString()).toBe('HTTP/1.1 200 Connection Established\r\n\r\n');
  return connect({ socket, servername, ca: sidecar.ca });
}

const REQUEST = `GET /v1/models HTTP/1.1\r\nHost: ${HOST}\r\n\r\n`;

describe('a tunnel', () => {
  test('S6: leads to the sidecar itself, under the name of the host', async () => {
    const { socket, until } = converse(await tunnel(HOST));
    socket.write(REQUEST);
    expect(await until(/\}\n$/)).toContain(`"origin":{"kind":"host","host":"${HOST}"}`);
    socket.write(REQUEST.replace('models', 'again'));
    await until(/\/v1\/again/);
    socket.destroy();
  });

  test.each([ALIAS_ONLY, 'localhost', 'evil.example'])(
    'S6: with TLS for %s is refused',
    async (servername) => {
      const before = sidecar.tlsRefusals.length;
      const [error] = (await once(await tunnel(servername), 'error')) as [NodeJS.ErrnoException];
      expect(error.code).toBe('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
      expect(sidecar.tlsRefusals.slice(before)).toEqual(['server-name']);
    },
  );

  test('S6: with TLS without a name is closed', async () => {
    const before = sidecar.tlsRefusals.length;
    const { closed } = converse(await tunnel(''));
    await closed;
    expect(sidecar.tlsRefusals.slice(before)).toEqual(['server-name']);
  });

  test('S6: carries no plain request, neither with the head nor after it', async () => {
    for (const together of [true, false]) {
      const before = sidecar.tlsRefusals.length;
      const { socket, received, closed, until } = sidecar.dial();
      const head = `CONNECT ${TARGET} HTTP/1.1\r\nHost: ${TARGET}\r\n\r\n`;
      if (together) {
        socket.write(head + REQUEST);
      } else {
        socket.write(head);
        await until(/Established/);
        socket.write(REQUEST);
      }
      await closed;
      expect(received().toString('latin1')).not.toMatch(/HTTP\/1\.1 200 OK/);
      expect(sidecar.tlsRefusals.slice(before)).toEqual(['handshake']);
    }
  });

  test('loses nothing of TLS that came together with the head', async () => {
    // A client that does not wait: its hello is caught, and sent in one write with CONNECT.
    const { Duplex } = await import('node:stream');
    const raw = connectPlain(sidecar.port, '127.0.0.1');
    const head = Buffer.from(`CONNECT ${TARGET} HTTP/1.1\r\nHost: ${TARGET}\r\n\r\n`);
    const established = 'HTTP/1.1 200 Connection Established\r\n\r\n';
    let first = true;
    let skip = established.length;
    const early = new Duplex({
      read: () => undefined,
      write(chunk: Buffer, _encoding, done) {
        raw.write(first ? Buffer.concat([head, chunk]) : chunk, done);
        first = false;
      },
      destroy: (error, done) => {
        raw.destroy();
        done(error);
      },
    });
    raw.on('data', (chunk: Buffer) => {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      if (rest.length > 0) early.push(rest);
    });
    const { socket, until } = converse(connect({ socket: early, servername: HOST, ca: sidecar.ca }));
    socket.write(REQUEST);
    await until(/"url":"\/v1\/models"/);
    socket.destroy();
  });
});

describe('CONNECT is refused', () => {
  test('with a code that says why, for another host', async () => {
    const { socket, closed, received } = sidecar.dial();
    socket.write('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n');
    await closed;
    expect(received().toString()).toMatch(/^HTTP\/1\.1 403 [^]*x-seks-error: SEKS_PROXY_HOST_REFUSED\r\n/);
    expect(sidecar.unparsable.at(-1)).toBe('SEKS_PROXY_HOST_REFUSED');
  });

  test.each([HOST, 'localhost'])('within TLS for %s', async (servername) => {
    const client = connect({ host: '127.0.0.1', port: sidecar.port, servername, ca: sidecar.ca });
    const { closed, received } = converse(client);
    client.write(`CONNECT ${TARGET} HTTP/1.1\r\nHost: ${TARGET}\r\n\r\n`);
    await closed;
    expect(received().toString()).toContain('x-seks-error: SEKS_PROXY_HOST_REFUSED\r\n');
  });

  test('as a method where there is no proxy', async () => {
    const own = await startListener({ proxy: false });
    const { socket, closed, received } = own.dial();
    socket.write(`CONNECT ${TARGET} HTTP/1.1\r\nHost: ${TARGET}\r\n\r\n`);
    await closed;
    expect(received().toString()).toMatch(/^HTTP\/1\.1 405 [^]*x-seks-error: SEKS_METHOD_REFUSED\r\n/);
    await own.close();
  });
});
