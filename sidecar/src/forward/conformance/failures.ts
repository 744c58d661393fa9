// What every forwarder makes of providers that fail, and of agents that go away.
import { once } from 'node:events';
import type { ClientRequest, IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { createServer, type TlsOptions, type TLSSocket } from 'node:tls';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Provider } from '@seks/crds';
import fc from 'fast-check';

import { createLinkPool } from '../link-pool.ts';
import { compileUpstreams } from '../../route/upstreams.ts';
import { createForwarder, type ForwarderKind } from '../forwarder-kinds.ts';
import type { Forwarder } from '../forwarder.ts';
import { createUpstreamConnector } from '../upstream-connector.ts';
import { fixedLookup } from '../../testing/test-forwarder.ts';
import { eventually } from '../../testing/eventually.ts';
import { makeExpiredCertificate } from './expired-certificate.ts';
import { forwarderTo, HOST, type RawUpstream, SILENCE_MS, startRawUpstream } from './raw-upstream.ts';
import { type RelayServer, startRelay } from './relay-server.ts';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

/** the tests of failures */
export function describeFailures(kind: ForwarderKind): void {
  let upstream: RawUpstream;
  let relay: RelayServer;

  beforeAll(async () => {
    upstream = await startRawUpstream();
    relay = await startRelay({ forwarder: upstream.forwarder(kind) });
  });
  beforeEach(() => {
    relay.failures.length = 0;
  });
  afterAll(async () => {
    await relay.close();
    await upstream.close();
  });

  /** what the agent is told, and the forwarder's word for it */
  async function failureOf(forwarder: Forwarder): Promise<[number, string | undefined]> {
    const own = await startRelay({ forwarder });
    const { status } = await own.ask({ body: '{}', headers: { 'content-length': '2' } });
    await own.close();
    expect(own.failures).toHaveLength(1);
    return [status, own.failures[0]?.code];
  }

  /** the same for an upstream with another TLS */
  async function failureWithTls(options: TlsOptions, ca: string | undefined): Promise<string | undefined> {
    const server = createServer(options);
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const [, code] = await failureOf(forwarderTo(kind, HOST, port, ca));
    server.close();
    return code;
  }

  describe('a provider that cannot be reached', () => {
    test('because nothing listens', async () => {
      const forwarder = forwarderTo(kind, HOST, 1, upstream.certificates.ca);
      expect(await failureOf(forwarder)).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because its name is unknown', async () => {
      const forwarder = createForwarder(kind, {
        origin: new URL('https://unknown.example'),
        connect: createUpstreamConnector({
          host: 'unknown.example',
          network: 'Public',
          lookup: fixedLookup({}),
        }),
      });
      expect(await failureOf(forwarder)).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because it accepts no connection in time', async () => {
      // A server that never says a word of TLS.
      const { createServer: createTcpServer } = await import('node:net');
      const server = createTcpServer((socket) => socket.resume()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as AddressInfo;
      const lookup = fixedLookup({ [HOST]: ['127.0.0.1'] });
      const connect = createUpstreamConnector({
        host: HOST,
        network: 'Public',
        lookup,
        connectTimeoutMs: 50,
      });
      const forwarder = createForwarder(kind, { origin: new URL(`https://${HOST}:${port}`), connect });
      expect(await failureOf(forwarder)).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
      server.close();
    });

    test('S6: because its certificate is not trusted', async () => {
      const forwarder = forwarderTo(kind, HOST, upstream.port, undefined);
      expect(await failureOf(forwarder)).toEqual([502, 'SEKS_UPSTREAM_TLS']);
      expect(upstream.received).toEqual([]);
    });

    test('S6: because its certificate is for another name', async () => {
      const forwarder = upstream.forwarder(kind, { host: 'other.example' });
      expect(await failureOf(forwarder)).toEqual([502, 'SEKS_UPSTREAM_TLS']);
      expect(upstream.received).toEqual([]);
    });

    test('S6: because its certificate has expired', async () => {
      const expired = await makeExpiredCertificate(HOST);
      expect(await failureWithTls(expired, expired.cert)).toBe('SEKS_UPSTREAM_TLS');
    });

    test('S6: because it speaks an old TLS', async () => {
      const { ca, cert, key } = upstream.certificates;
      const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL@SECLEVEL=0' } as const;
      expect(await failureWithTls({ cert, key, ...old }, ca)).toBe('SEKS_UPSTREAM_TLS');
    });

    test.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1'])(
      'S6: because its name resolves to %s',
      async (address) => {
        const linkFor = createLinkPool(() => Promise.resolve([address]), kind);
        const provider = { upstreams: [{ host: HOST, port: upstream.port }] };
        expect(await failureOf(forwarderOf(linkFor, providerWith(provider)))).toEqual([
          502,
          'SEKS_UPSTREAM_ADDRESS_REFUSED',
        ]);
      },
    );

    test('S6: because it is an address that may not be called', async () => {
      const linkFor = createLinkPool(() => Promise.reject(new Error('must not be asked')), kind);
      const provider = { upstreams: [{ host: '127.0.0.1', port: upstream.port }] };
      expect(await failureOf(forwarderOf(linkFor, providerWith(provider)))).toEqual([
        502,
        'SEKS_UPSTREAM_ADDRESS_REFUSED',
      ]);
    });
  });

  describe('a provider that does not answer properly', () => {
    test.each([
      ['closes the connection', ''],
      ['speaks another protocol', 'SSH-2.0-OpenSSH\r\n'],
      ['has no status', 'HTTP/1.1 OK\r\n\r\n'],
      ['has a status of two digits', 'HTTP/1.1 99 No\r\n\r\n'],
      ['has a header too large', `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(70_000)}\r\n\r\n`],
      ['has two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!'],
      [
        'is framed twice',
        'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n',
      ],
      ['has a header without a name', 'HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\nok'],
      [
        'switches protocols unasked',
        'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
      ],
    ])('because it %s', async (_, bytes) => {
      upstream.serve((socket) => void socket.end(bytes));
      expect(await failureOf(upstream.forwarder(kind))).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because it breaks the connection off', async () => {
      upstream.serve((socket) => socket.destroy());
      expect(await failureOf(upstream.forwarder(kind))).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because it is silent', async () => {
      upstream.serve(() => {});
      const forwarder = upstream.forwarder(kind, { idleTimeoutMs: SILENCE_MS });
      expect(await failureOf(forwarder)).toEqual([504, 'SEKS_UPSTREAM_TIMEOUT']);
    });

    test('and the request is not sent again', async () => {
      upstream.serve((socket) => void socket.write(OK));
      await relay.ask({ method: 'GET' });
      const before = upstream.received.join('').split('GET ').length;
      upstream.serve((socket) => socket.destroy());
      expect((await relay.ask({ method: 'GET' })).status).toBe(502);
      expect(upstream.received.join('').split('GET ')).toHaveLength(before + 1);
    });

    test('whatever it sends, each request ends and the process lives on', async () => {
      const pieces = fc.constantFrom(
        'HTTP/1.1 200 OK\r\n',
        'HTTP/1.1 101 X\r\n',
        'HTTP/1.1 100 C\r\n',
        'HTTP/1.1 ',
        'Content-Length: 5\r\n',
        'Content-Length: 99999999999999999999\r\n',
        'Transfer-Encoding: chunked\r\n',
        'Connection: close\r\n',
        'Connection: upgrade\r\nUpgrade: h2c\r\n',
        'Keep-Alive: timeout=0\r\n',
        '\r\n',
        '5\r\nhello\r\n',
        '0\r\n\r\n',
        'ffffffffffffffff\r\n',
        '\u0000',
        'X-A: \u0000\r\n',
      );
      const answers = fc.array(
        fc.oneof({ weight: 4, arbitrary: pieces }, fc.string({ unit: 'binary-ascii' })),
        {
          maxLength: 8,
        },
      );
      await fc.assert(
        fc.asyncProperty(answers, fc.boolean(), async (bytes, orderly) => {
          upstream.serve((socket) => {
            socket.write(bytes.join(''), 'latin1', () => (orderly ? socket.end() : socket.destroy()));
          });
          const request = relay.open({ headers: { 'content-length': '2' } });
          request.end('{}');
          const ended = new Promise<void>((resolve) => {
            request.on('close', () => resolve());
            request.on('error', () => {});
            request.on('response', (answer) => {
              answer.on('error', () => {});
              answer.resume();
            });
          });
          await ended;
        }),
        { numRuns: 150 },
      );
      upstream.serve((socket) => void socket.write(OK));
      expect((await relay.ask()).body).toBe('ok');
    });
  });

  describe('a provider that breaks off', () => {
    test.each([
      ['a body of known length', 'Content-Length: 9\r\n\r\nhalf'],
      ['a chunked body', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
      ['a chunk', 'Transfer-Encoding: chunked\r\n\r\n9\r\nhalf'],
      ['a body with a chunk that is none', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\nxyz\r\n'],
    ])('%s is an error to the agent, never a clean end', async (_, rest) => {
      for (const end of ['orderly', 'abrupt']) {
        relay.failures.length = 0;
        upstream.serve((socket) => {
          socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () =>
            end === 'orderly' ? socket.end() : setImmediate(() => socket.destroy()),
          );
        });
        expect(await endOf(relay.open({}))).toBe('broken off');
        expect(relay.failures.map(({ code }) => code)).toContain('SEKS_UPSTREAM_UNREACHABLE');
      }
    });

    test.each([
      ['a body of known length', 'Content-Length: 9\r\n\r\nhalf'],
      ['a chunked body', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
      ['a body that ends with its connection', '\r\nhalf'],
    ])('%s by a reset is an error to the agent', async (_, rest) => {
      let connection: TLSSocket | undefined;
      upstream.serve((socket) => {
        connection = socket;
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
      });
      const request = relay.open({});
      request.end();
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      // A reset overtakes what has not been read.
      await once(answer, 'readable');
      if (connection !== undefined) upstream.reset(connection);
      await expect(text(answer)).rejects.toThrow('aborted');
      expect(relay.failures.map(({ code }) => code)).toEqual(['SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('by silence is a timeout', async () => {
      upstream.serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      });
      const own = await startRelay({ forwarder: upstream.forwarder(kind, { idleTimeoutMs: SILENCE_MS }) });
      const request = own.open({});
      request.end();
      const [answer] = (await once(request, 'response')) as [IncomingMessage];
      await expect(text(answer)).rejects.toThrow('aborted');
      expect(own.failures[0]?.code).toBe('SEKS_UPSTREAM_TIMEOUT');
      await own.close();
    });

    test('between two requests is no failure', async () => {
      upstream.serve((socket) => void socket.write(OK));
      await relay.ask();
      for (const socket of upstream.connections) socket.destroy();
      await eventually(() => expect(upstream.connections.every(({ closed }) => closed)).toBe(true));
      // The other end has to learn of it: that takes a turn of its loop, which this one shares.
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect((await relay.ask()).body).toBe('ok');
    });
  });

  const BEFORE = '';
  const HALF = 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf';
  const MOMENTS: [string, string, Record<string, string>, string][] = [
    ['before the answer', BEFORE, { 'content-length': '2' }, '{}'],
    ['during the answer', HALF, { 'content-length': '2' }, '{}'],
    ['during a short upload', BEFORE, { 'content-length': '70000' }, '{'],
    ['during a chunked upload', BEFORE, { 'transfer-encoding': 'chunked' }, '{'],
    ['during upload and answer', HALF, { 'transfer-encoding': 'chunked' }, '{'],
  ];

  describe('an agent that goes away', () => {
    test.each(MOMENTS)(
      '%s ends the request at the provider within a second',
      async (_, answer, headers, body) => {
        let gone: Promise<unknown> | undefined;
        const reached = new Promise<void>((resolve) => {
          upstream.serve((socket) => {
            gone ??= once(socket, 'close');
            if (answer !== BEFORE) socket.write(answer);
            resolve();
          });
        });
        const request = relay.open({ headers });
        request.on('error', () => {});
        request.write(body);
        await reached;
        if (answer !== BEFORE) await once(request, 'response');
        const startMs = performance.now();
        request.destroy();
        await gone;
        expect(performance.now() - startMs).toBeLessThan(1_000);
      },
    );
  });

  describe('a request that is given up', () => {
    test.each(MOMENTS)('%s ends at the provider, and nobody is told', async (_, answer, headers, body) => {
      const gone = Promise.withResolvers<unknown>();
      const reached = Promise.withResolvers<void>();
      upstream.serve((socket) => {
        gone.resolve(once(socket, 'close'));
        if (answer !== BEFORE) socket.write(answer);
        reached.resolve();
      });
      const own = await startRelay({ forwarder: upstream.forwarder(kind) });
      const request = own.open({ headers });
      request.on('error', () => {});
      request.write(body);
      await reached.promise;
      if (answer !== BEFORE) await once(request, 'response');
      own.forwarded[0]?.destroy();
      await gone.promise;
      expect(own.failures).toEqual([]);
      await own.close();
    });

    test('before it has a connection never reaches the provider', async () => {
      let requests = 0;
      upstream.serve((socket) => {
        requests += 1;
        socket.write(OK);
      });
      const own = await startRelay({ forwarder: givenUpAtOnce(upstream.forwarder(kind)) });
      const request = own.open({ headers: { 'content-length': '2' } });
      request.on('error', () => {});
      request.end('{}');
      await eventually(() => expect(own.forwarded).toHaveLength(1));
      // Whatever connection was on its way has been made when another one is.
      expect((await relay.ask()).body).toBe('ok');
      expect(requests).toBe(1);
      expect(own.failures).toEqual([]);
      await own.close();
    });
  });
}

function givenUpAtOnce(forwarder: Forwarder): Forwarder {
  return {
    forward(forwarding) {
      const forwarded = forwarder.forward(forwarding);
      forwarded.destroy();
      return forwarded;
    },
  };
}

/** how the answer to a request without a body ends */
async function endOf(request: ClientRequest): Promise<'whole' | 'broken off'> {
  request.end();
  try {
    const [answer] = (await once(request, 'response')) as [IncomingMessage];
    await text(answer);
    return 'whole';
  } catch {
    // Even before the head, where the break came with it.
    return 'broken off';
  }
}

function providerWith({ upstreams }: { upstreams: { host: string; port: number }[] }) {
  return {
    name: 'p',
    spec: {
      upstreams,
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: { key: ['KEY'] },
      fakeToken: 'sk-{token}',
    },
  };
}

function forwarderOf(linkFor: ReturnType<typeof createLinkPool>, provider: Provider): Forwarder {
  return linkFor(provider, compileUpstreams(provider.spec).primary).forwarder;
}
