import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { ErrorCode } from '@seks/crds';

import { createManualScheduler, type ManualScheduler } from '../testing/manual-scheduler.ts';
import { type BodyPool, createBodyPool, type PooledBody } from './read-body.ts';

let server: Server;
let socket: Socket;
let scheduler: ManualScheduler;
let pool: BodyPool;

beforeEach(async () => {
  scheduler = createManualScheduler();
  pool = createBodyPool({ maxBytesEach: 100_000, maxBytesTogether: 150_000, idleTimeoutMs: 1000, scheduler });
  server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  socket.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

/** opens a connection of its own and sends the start of a request; returns the server's side of it */
async function send(text: string): Promise<IncomingMessage> {
  socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  // The server may cut it off.
  socket.on('error', () => {});
  const requested = once(server, 'request');
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${text}`);
  const [request] = (await requested) as [IncomingMessage];
  return request;
}

const withLength = (declared: number, body = ''): Promise<IncomingMessage> =>
  send(`content-length: ${declared}\r\n\r\n${body}`);
const chunked = (...chunks: readonly string[]): Promise<IncomingMessage> =>
  send(
    `transfer-encoding: chunked\r\n\r\n${chunks.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')}`,
  );

async function codeOf(reading: Promise<PooledBody | undefined>): Promise<ErrorCode> {
  const cause: unknown = await reading.then(
    () => undefined,
    (error: unknown) => error,
  );
  return (cause as { code: ErrorCode }).code;
}

describe('BodyPool', () => {
  test('reads a body of a known length, and holds it until it is released', async () => {
    const body = await pool.read(await withLength(5, 'hello'));
    expect(body?.bytes.toString()).toBe('hello');
    expect(pool.heldBytes).toBe(5);
    body?.release();
    body?.release();
    expect(pool.heldBytes).toBe(0);
    expect(scheduler.pending()).toEqual([]);
  });

  test('reads a body in chunks', async () => {
    const text = 'x'.repeat(40_000);
    const request = await chunked(text, text);
    socket.write('1\r\ny\r\n0\r\n\r\n');
    const body = await pool.read(request);
    expect(body?.bytes.toString()).toBe(`${text}${text}y`);
    expect(pool.heldBytes).toBeGreaterThanOrEqual(80_001);
    expect(pool.heldBytes).toBeLessThanOrEqual(100_000);
    body?.release();
    expect(pool.heldBytes).toBe(0);
  });

  test('reads a request without a body', async () => {
    expect((await pool.read(await send('\r\n')))?.bytes).toHaveLength(0);
  });

  test('refuses what is declared as too large without reading it', async () => {
    const request = await withLength(100_001);
    expect(await codeOf(pool.read(request))).toBe('SEKS_BODY_TOO_LARGE');
    expect(request.listenerCount('data')).toBe(0);
    expect(pool.heldBytes).toBe(0);
  });

  test('refuses chunks when they get too large', async () => {
    const request = await chunked('x'.repeat(60_000), 'x'.repeat(40_001));
    expect(await codeOf(pool.read(request))).toBe('SEKS_BODY_TOO_LARGE');
    expect(request.isPaused()).toBe(true);
    expect(pool.heldBytes).toBe(0);
    expect(scheduler.pending()).toEqual([]);
  });

  test('refuses when all bodies together are too large, until one is released', async () => {
    const first = await pool.read(await withLength(100_000, 'x'.repeat(100_000)));
    socket.destroy();
    expect(await codeOf(pool.read(await withLength(50_001)))).toBe('SEKS_BODY_POOL_FULL');
    socket.destroy();
    expect(await codeOf(pool.read(await chunked('x'.repeat(50_001))))).toBe('SEKS_BODY_POOL_FULL');
    socket.destroy();
    expect(pool.heldBytes).toBe(100_000);
    first?.release();
    const second = await pool.read(await withLength(50_001, 'x'.repeat(50_001)));
    expect(second?.bytes).toHaveLength(50_001);
    second?.release();
    expect(pool.heldBytes).toBe(0);
  });

  test('gives up on a body that stops coming', async () => {
    const request = await withLength(10, 'hello');
    const reading = codeOf(pool.read(request));
    await once(request, 'data');
    await scheduler.advance(999);
    socket.write('w');
    await once(request, 'data');
    // A second after the last bytes, not after the first.
    await scheduler.advance(999);
    expect(pool.heldBytes).toBe(10);
    await scheduler.advance(1);
    expect(await reading).toBe('SEKS_BODY_TIMEOUT');
    expect(pool.heldBytes).toBe(0);
    expect(scheduler.pending()).toEqual([]);
  });

  test.each([
    ['of a known length', () => withLength(10, 'hello')],
    ['in chunks', () => chunked('hello')],
  ])('ends with the client %s', async (_, start) => {
    const request = await start();
    const reading = pool.read(request);
    await once(request, 'data');
    socket.destroy();
    expect(await reading).toBeUndefined();
    expect(pool.heldBytes).toBe(0);
    expect(scheduler.pending()).toEqual([]);
  });

  test('does not wait for a client that has gone before', async () => {
    const request = await withLength(10, 'hello');
    const closed = new Promise((resolve) => request.once('close', resolve));
    socket.destroy();
    await closed;
    expect(await pool.read(request)).toBeUndefined();
    expect(pool.heldBytes).toBe(0);
  });

  test('takes many tiny chunks in the memory of their bytes', async () => {
    const request = await chunked(...Array.from({ length: 20_000 }, () => 'x'));
    socket.write('0\r\n\r\n');
    const body = await pool.read(request);
    expect(body?.bytes).toHaveLength(20_000);
    expect(pool.heldBytes).toBe(32_768);
    body?.release();
  });
});
