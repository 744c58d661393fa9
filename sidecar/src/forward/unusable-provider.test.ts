// What the agent is told of a provider that fails, by the whole way that a request takes.
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Provider } from '@seks/crds';

import { ask } from '../testing/agent-request.ts';
import { makeCertificates } from '../testing/certificates.ts';
import { fakeToken, startSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream } from '../testing/tls-upstream.ts';
import { failureOfProvider } from './conformance/failure-of.ts';

let upstream: TestUpstream;

beforeAll(async () => {
  upstream = await startUpstream();
});
afterEach(() => upstream.reset());
afterAll(async () => upstream.close());

describe('a provider that cannot be used', () => {
  async function codeWith(provider: Provider, host: string): Promise<[number, string | undefined]> {
    const token = fakeToken();
    const sidecar = await startSidecar({
      credentials: [{ provider, token, key: 'sk-proj-CANARY-0123456789abcdef' }],
      addresses: { [host]: ['127.0.0.1'] },
      idleTimeoutMs: 300,
    });
    try {
      const headers = { authorization: `Bearer ${token}` };
      const { status, code } = await ask(sidecar.port, { path: '/openai/v1/x', headers, body: '{}' });
      return [status, code];
    } finally {
      await sidecar.close();
    }
  }

  test('because nothing listens', async () => {
    const provider = upstream.provider('openai', { upstreams: [{ host: upstream.host, port: 1 }] });
    expect(await codeWith(provider, upstream.host)).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
  });

  test('because its name is unknown', async () => {
    const provider = upstream.provider('openai', { upstreams: [{ host: 'unknown.example', port: 443 }] });
    expect(await codeWith(provider, 'other.example')).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
  });

  test('S6: because its certificate is not trusted', async () => {
    const { caBundle: _, ...spec } = upstream.provider('openai').spec;
    expect(await codeWith({ name: 'openai', spec }, upstream.host)).toEqual([502, 'SEKS_UPSTREAM_TLS']);
  });

  test('S6: because its certificate is for another name', async () => {
    const upstreams = [{ host: 'other.example', port: upstream.port }];
    expect(await codeWith(upstream.provider('openai', { upstreams }), 'other.example')).toEqual([
      502,
      'SEKS_UPSTREAM_TLS',
    ]);
    expect(upstream.seen).toEqual([]);
  });

  test('S6: because it speaks an old TLS', async () => {
    const { ca, cert, key } = await makeCertificates(['old.example']);
    const server = createTlsServer({
      cert,
      key,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1',
      ciphers: 'ALL@SECLEVEL=0',
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const upstreams = [{ host: 'old.example', port: (server.address() as AddressInfo).port }];
    const provider = upstream.provider('openai', { upstreams, caBundle: ca });
    expect(await codeWith(provider, 'old.example')).toEqual([502, 'SEKS_UPSTREAM_TLS']);
    server.close();
  });

  test('because it is silent', async () => {
    upstream.answer((request) => void request.resume());
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      504,
      'SEKS_UPSTREAM_TIMEOUT',
    ]);
  });

  test('because it does not speak HTTP', async () => {
    upstream.answer((_, response) => {
      response.socket?.end('SSH-2.0-OpenSSH\r\n');
    });
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      502,
      'SEKS_UPSTREAM_UNREACHABLE',
    ]);
  });

  test('because it switches protocols unasked', async () => {
    upstream.answer((_, response) => {
      response.socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n');
    });
    expect(await codeWith(upstream.provider('openai'), upstream.host)).toEqual([
      502,
      'SEKS_UPSTREAM_UNREACHABLE',
    ]);
  });

  test.each(['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', '::ffff:10.0.0.1'])(
    'S6: because its name resolves to %s',
    async (address) => {
      const [, code] = await failureOfProvider(upstream.provider('openai'), async () => [address]);
      expect(code).toBe('SEKS_UPSTREAM_ADDRESS_REFUSED');
    },
  );

  test('S6: because it is an address that may not be called', async () => {
    const upstreams = [{ host: '127.0.0.1', port: upstream.port }];
    const [, code] = await failureOfProvider(upstream.provider('openai', { upstreams }), () =>
      Promise.reject(new Error('must not be asked')),
    );
    expect(code).toBe('SEKS_UPSTREAM_ADDRESS_REFUSED');
    expect(upstream.seen).toEqual([]);
  });
});
