// What every forwarder does with requests and their bodies.
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { answerTo } from '../../testing/agent-request.ts';
import { eventually } from '../../testing/eventually.ts';
import { startUpstream, type TestUpstream } from '../../testing/tls-upstream.ts';
import { standstill } from '../../testing/until.ts';
import type { ForwarderKind } from '../forwarder-kinds.ts';
import { forwarderTo, HOST } from './raw-upstream.ts';
import { type RelayServer, startRelay } from './relay-server.ts';

/** the tests of requests */
export function describeRequests(kind: ForwarderKind): void {
  describe('requests', () => {
    let upstream: TestUpstream;
    let relay: RelayServer;
    let reading: RelayServer;

    beforeAll(async () => {
      upstream = await startUpstream(HOST);
      relay = await startRelay({ forwarder: forwarderTo(kind, HOST, upstream.port, upstream.ca) });
      reading = await startRelay({
        forwarder: forwarderTo(kind, HOST, upstream.port, upstream.ca),
        readsBodies: true,
      });
    });
    afterEach(() => {
      upstream.seen.length = 0;
      relay.failures.length = 0;
    });
    afterAll(async () => {
      await relay.close();
      await reading.close();
      await upstream.close();
    });

    function echo(): void {
      upstream.answer((request, response) => {
        void text(request).then((body) => response.end(body));
      });
    }

    test('keep path, query, and the order and repetition of their headers', async () => {
      echo();
      const path = '/v1/a%2Fb/../c;d?x=%20&y=[1]';
      const headers = { 'x-b': ['1', '2'], 'x-a': '\xe9', authorization: 'Bearer k' };
      await relay.ask({ method: 'GET', path, headers });
      const [seen] = upstream.seen;
      expect([seen?.url, seen?.headers.host]).toEqual([path, `${HOST}:${upstream.port}`]);
      const kept = pairs(seen?.rawHeaders ?? []).filter(([name = '']) => name in headers);
      expect(kept).toEqual([
        ['x-b', '1'],
        ['x-b', '2'],
        ['x-a', '\xe9'],
        ['authorization', 'Bearer k'],
      ]);
      const added = ['x-forwarded-for', 'x-forwarded-host', 'via', 'expect', 'user-agent', 'accept'];
      for (const name of added) expect(seen?.headers).not.toHaveProperty(name);
    });

    test.each([1, 1_000, 70_000, 3_000_000])('of known length, %d bytes, arrive framed so', async (size) => {
      echo();
      const body = 'abcdefghij'.repeat(Math.ceil(size / 10)).slice(0, size);
      const answer = await relay.ask({ headers: { 'content-length': String(size) }, body });
      expect(answer.body === body).toBe(true);
      expect(upstream.seen[0]?.headers).toMatchObject({ 'content-length': String(size) });
      expect(upstream.seen[0]?.headers).not.toHaveProperty('transfer-encoding');
    });

    test.each(['POST', 'PUT', 'PATCH'])('%s of unknown length arrive chunked', async (method) => {
      echo();
      const body = 'abcdefghij'.repeat(20_000);
      const answer = await relay.ask({ method, headers: { 'transfer-encoding': 'chunked' }, body });
      expect(answer.body === body).toBe(true);
      expect(upstream.seen[0]?.headers).toMatchObject({ 'transfer-encoding': 'chunked' });
      expect(upstream.seen[0]?.headers).not.toHaveProperty('content-length');
    });

    test.each(['GET', 'HEAD', 'OPTIONS', 'DELETE', 'POST'])('%s without a body have none', async (method) => {
      echo();
      const answer = await relay.ask({ method, headers: method === 'POST' ? { 'content-length': '0' } : {} });
      expect([answer.status, answer.body]).toEqual([200, '']);
      expect(upstream.seen[0]?.method).toBe(method);
      expect(upstream.seen[0]?.headers).not.toHaveProperty('transfer-encoding');
      expect(['0', undefined]).toContain(upstream.seen[0]?.headers['content-length']);
    });

    test.each(['', 'x', 'y'.repeat(300_000)])('whose body was read before are framed anew', async (body) => {
      echo();
      const answer = await reading.ask({ headers: { 'transfer-encoding': 'chunked' }, body });
      expect(answer.body === body).toBe(true);
      expect(upstream.seen[0]?.headers).toMatchObject({ 'content-length': String(body.length) });
      expect(upstream.seen[0]?.headers).not.toHaveProperty('transfer-encoding');
    });

    test('stream to the provider while they are being sent', async () => {
      const parts: string[] = [];
      upstream.answer((request, response) => {
        request.on('data', (chunk: Buffer) => parts.push(chunk.toString()));
        request.on('end', () => response.end('done'));
      });
      const request = relay.open({ headers: { 'transfer-encoding': 'chunked' } });
      for (const [i, part] of ['first', 'second'].entries()) {
        request.write(part);
        await eventually(() => expect(parts).toHaveLength(i + 1));
      }
      request.end();
      const answer = await answerTo(request);
      expect(await text(answer)).toBe('done');
      expect(parts).toEqual(['first', 'second']);
    });

    test('go no faster than the provider takes them, and arrive whole', async () => {
      const block = Buffer.alloc(64 * 1024, 'abcdefgh');
      const size = 512 * block.length;
      let upload: [IncomingMessage, ServerResponse] | undefined;
      upstream.answer((...both) => (upload = both));
      const request = relay.open({ headers: { 'content-length': String(size) } });
      let taken = 0;
      const sent = (async () => {
        for (; taken < size; taken += block.length) if (!request.write(block)) await once(request, 'drain');
        request.end();
      })();
      await standstill(() => taken);
      expect(taken).toBeLessThan(size / 2);
      let received = 0;
      const [incoming, response] = upload ?? [];
      incoming?.on('data', (chunk: Buffer) => (received += chunk.length));
      incoming?.on('end', () => response?.end('done'));
      const answer = await answerTo(request);
      await sent;
      expect([await text(answer), received]).toEqual(['done', size]);
    });

    test.each([
      ['of known length', `Content-Length: ${8 * 1024 * 1024}`, (bytes: string) => bytes, ''],
      [
        'of unknown length',
        'Transfer-Encoding: chunked',
        (bytes: string) => `10000\r\n${bytes}\r\n`,
        '0\r\n\r\n',
      ],
    ])(
      '%s may be answered before they have ended, and the agent’s connection lives on',
      async (_, framing, framed, end) => {
        upstream.answer((request, response) => {
          response.writeHead(413, { 'content-length': 4 });
          response.end(request.method === 'POST' ? 'long' : 'next');
        });
        // A socket of its own, because Node's client gives such a connection up.
        const socket = connect(relay.port, '127.0.0.1');
        let received = '';
        socket.setEncoding('latin1').on('data', (chunk) => (received += chunk));
        const block = framed('x'.repeat(64 * 1024));
        socket.write(`POST /v1/x HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n${block}`);
        await eventually(() => expect(received).toMatch(/^HTTP\/1\.1 413 [^]*long$/));
        for (let sent = 1; sent < 128; sent += 1) if (!socket.write(block)) await once(socket, 'drain');
        socket.write(`${end}GET /v1/x HTTP/1.1\r\nHost: x\r\n\r\n`);
        await eventually(() => expect(received).toMatch(/longHTTP\/1\.1 413 [^]*next$/));
        socket.destroy();
        expect(relay.failures).toEqual([]);
      },
    );
  });
}

function pairs(raw: readonly string[]): string[][] {
  return raw.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), raw[i + 1] ?? '']] : []));
}
