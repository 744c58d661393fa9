import { X509Certificate } from 'node:crypto';
import { createServer, connect, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { expect, test } from '@jest/globals';
import { makeServerCertificate } from './certificates.ts';

test('a server certificate that a TLS client accepts for its name, and for no other', async () => {
  const { caPem, certPem, keyPem } = await makeServerCertificate(['stub.example'], Date.now());
  expect(new X509Certificate(certPem).checkHost('stub.example')).toBe('stub.example');
  const server = createServer({ cert: certPem, key: keyPem }, (socket) => socket.end());
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const visit = (servername: string): Promise<string> =>
    new Promise((resolve) => {
      const socket: TLSSocket = connect({ port, host: '127.0.0.1', servername, ca: caPem });
      socket.once('secureConnect', () => {
        socket.destroy();
        resolve('accepted');
      });
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    });
  try {
    expect(await visit('stub.example')).toBe('accepted');
    expect(await visit('other.example')).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  } finally {
    server.close();
  }
});
