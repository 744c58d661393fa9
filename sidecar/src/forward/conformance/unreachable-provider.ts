// What every forwarder makes of providers that it does not get through to.
import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';

import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Provider } from '@seks/crds';

import { fixedLookup } from '../../testing/test-forwarder.ts';
import { createForwarder, type ForwarderKind } from '../forwarder-kinds.ts';
import { createUpstreamConnector } from '../upstream-connector.ts';
import { makeExpiredCertificate } from './expired-certificate.ts';
import { failureOf, failureOfProvider } from './failure-of.ts';
import { forwarderTo, HOST, type RawUpstream, startRawUpstream } from './raw-upstream.ts';

/** the tests of providers that cannot be reached */
export function describeUnreachableProvider(kind: ForwarderKind): void {
  describe('a provider that cannot be reached', () => {
    let upstream: RawUpstream;

    beforeAll(async () => {
      upstream = await startRawUpstream();
    });
    afterAll(async () => upstream.close());

    /** the code of the failure of an upstream with another TLS */
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
        const resolve = () => Promise.resolve([address]);
        expect(await failureOfProvider(providerAt(HOST, upstream.port), resolve, kind)).toEqual([
          502,
          'SEKS_UPSTREAM_ADDRESS_REFUSED',
        ]);
      },
    );

    test('S6: because it is an address that may not be called', async () => {
      const resolve = () => Promise.reject(new Error('must not be asked'));
      expect(await failureOfProvider(providerAt('127.0.0.1', upstream.port), resolve, kind)).toEqual([
        502,
        'SEKS_UPSTREAM_ADDRESS_REFUSED',
      ]);
    });
  });
}

function providerAt(host: string, port: number): Provider {
  return {
    name: 'p',
    spec: {
      upstreams: [{ host, port }],
      auth: [{ header: { name: 'authorization', scheme: 'Bearer' } }],
      env: { key: ['KEY'] },
      fakeToken: 'sk-{token}',
    },
  };
}
