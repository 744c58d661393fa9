import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from '@jest/globals';
import { criIsReady } from './cri.ts';

let server: Http2Server | undefined;

afterEach(() => void server?.close());

async function runtimeThat(answers: (stream: ServerHttp2Stream) => void): Promise<string> {
  const socket = join(mkdtempSync(join(tmpdir(), 'cri-')), 'runtime.sock');
  server = createServer().on('stream', (stream, headers) => {
    expect(headers[':path']).toBe('/runtime.v1.RuntimeService/Version');
    stream.once('data', (message: Buffer) => {
      expect(message).toEqual(Buffer.alloc(5));
      answers(stream);
    });
  });
  server.listen(socket);
  await once(server, 'listening');
  return socket;
}

const HEAD = { ':status': 200, 'content-type': 'application/grpc' };

test('a runtime that tells its version is ready', async () => {
  const socket = await runtimeThat((stream) => {
    stream.respond(HEAD, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]));
  });
  expect(await criIsReady(socket)).toBe(true);
});

test('one that is not initialized yet says so', async () => {
  const socket = await runtimeThat((stream) => {
    const refusal = { 'grpc-status': '2', 'grpc-message': 'server is not initialized yet' };
    stream.respond({ ...HEAD, ...refusal }, { endStream: true });
  });
  await expect(criIsReady(socket)).rejects.toThrow('gRPC status 2: server is not initialized yet');
});

test('what is no gRPC, and what is not there, is not ready', async () => {
  const socket = await runtimeThat((stream) => {
    stream.respond({ ':status': 404 });
    stream.end();
  });
  await expect(criIsReady(socket)).rejects.toThrow('no gRPC status');
  await expect(criIsReady(`${socket}.none`)).rejects.toThrow('ENOENT');
});
