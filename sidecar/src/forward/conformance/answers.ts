// What every forwarder does with answers.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';

import { answerTo } from '../../testing/agent-request.ts';
import { standstill } from '../../testing/until.ts';
import type { ForwarderKind } from '../forwarder-kinds.ts';
import type { UpstreamAnswer } from '../forwarder.ts';
import { OK } from './raw-upstream.ts';
import { type RelayedUpstream, startRelayedUpstream } from './relayed-upstream.ts';
import { startRelay } from './relay-server.ts';

/** the tests of answers */
export function describeAnswers(kind: ForwarderKind): void {
  describe('answers', () => {
    let rig: RelayedUpstream;

    beforeAll(async () => {
      rig = await startRelayedUpstream(kind);
    });
    beforeEach(() => {
      rig.relay.failures.length = 0;
    });
    afterAll(async () => rig.close());

    test('keep spelling, order and repetition of their headers, and their status text', async () => {
      const fields = ['X-First: 1', 'x-Second: a', 'X-SECOND: b', 'Content-Length: 4', 'X-Last: \xe9'];
      rig.upstream.serve((socket) => {
        socket.write(`HTTP/1.1 418 Caf\xc3\xa9, short\r\n${fields.join('\r\n')}\r\n\r\nbody`, 'latin1');
      });
      const { status, statusText, rawHeaders, body } = await rig.relay.ask();
      expect([status, statusText, body]).toEqual([418, 'Caf\xc3\xa9, short', 'body']);
      expect(rawHeaders.slice(0, 10)).toEqual(fields.flatMap((field) => field.split(': ')));
    });

    test('keep their trailers', async () => {
      rig.upstream.serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n');
        socket.write('4\r\nbody\r\n0\r\nX-Sum: 1\r\nx-sum: 2\r\n\r\n');
      });
      const { body, rawTrailers } = await rig.relay.ask();
      expect([body, ...rawTrailers]).toEqual(['body', 'X-Sum', '1', 'x-sum', '2']);
    });

    test('that come byte by byte arrive whole', async () => {
      const whole =
        'HTTP/1.1 200 OK\r\nX-A: 1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n';
      rig.upstream.serve((socket) => {
        for (const byte of whole) socket.write(byte);
      });
      expect(await rig.relay.ask()).toMatchObject({ status: 200, body: 'abcde' });
    });

    test('whose end is the end of the connection arrive whole', async () => {
      rig.upstream.serve((socket) => {
        socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end');
      });
      expect((await rig.relay.ask()).body).toBe('until the end');
    });

    test.each([
      ['HEAD', '200 OK', 'Content-Length: 5\r\n'],
      ['GET', '204 No Content', ''],
      ['GET', '304 Not Modified', 'ETag: "x"\r\n'],
    ])('to %s with %s have no body, and another request works after it', async (method, status, field) => {
      rig.upstream.serve((socket) => void socket.write(`HTTP/1.1 ${status}\r\n${field}\r\n`));
      const answer = await rig.relay.ask({ method });
      expect([`${answer.status} ${answer.statusText}`, answer.body]).toEqual([status, '']);
      expect(answer.rawHeaders.slice(0, 2).join(': ')).toContain(field.trimEnd());
      rig.upstream.serve((socket) => void socket.write(OK));
      expect((await rig.relay.ask()).body).toBe('ok');
    });

    test.each([102, 103])('may be preceded by %d, which stays here', async (status) => {
      rig.upstream.serve((socket) => {
        socket.write(`HTTP/1.1 ${status} Early\r\nLink: </a>\r\n\r\nHTTP/1.1 ${status} Again\r\n\r\n${OK}`);
      });
      const answer = await rig.relay.ask();
      expect([answer.status, answer.body]).toEqual([200, 'ok']);
      expect(answer.rawHeaders).not.toContain('Link');
    });

    // RFC 9110 §15.2.1 has clients bear it; undici takes it for a broken answer, which at least is no silent loss.
    test('after a 100 that nobody asked for arrive, or are refused', async () => {
      rig.upstream.serve((socket) => void socket.write(`HTTP/1.1 100 Continue\r\n\r\n${OK}`));
      const { status } = await rig.relay.ask({ method: 'GET' });
      expect(status).toBe(kind === 'http-proxy-middleware' ? 200 : 502);
    });

    test('wait until somebody listens to them', async () => {
      const answer = Promise.withResolvers<UpstreamAnswer>();
      const own = await startRelay({ forwarder: rig.upstream.forwarder(kind), answered: answer.resolve });
      rig.upstream.serve((socket) => void socket.write(OK));
      const request = own.open({});
      request.on('error', () => {});
      request.end();
      const came = await answer.promise;
      // More turns than the bytes need to come in.
      for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      const chunks: string[] = [];
      await new Promise<void>((resolve) => {
        came.on('data', (chunk) => chunks.push(chunk.toString()));
        came.on('end', resolve);
      });
      expect([chunks.join(''), came.complete]).toEqual(['ok', true]);
      await own.close();
    });

    test('that are destroyed end the connection to the provider, and nobody is told', async () => {
      const own = await startRelay({
        forwarder: rig.upstream.forwarder(kind),
        answered: (answer) => void answer.destroy(),
      });
      const gone = new Promise<void>((resolve) => {
        rig.upstream.serve((socket) => {
          socket.once('close', () => resolve());
          socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
        });
      });
      const request = own.open({});
      request.on('error', () => {});
      request.end();
      await gone;
      expect(own.failures).toEqual([]);
      await own.close();
    });

    test('go to whoever asked, 100 at a time', async () => {
      rig.upstream.serve((socket, connection) => {
        const path = /(?:GET) (\S+)[^]*$/.exec(rig.upstream.received[connection] ?? '')?.[1] ?? '';
        const last = path.startsWith('/')
          ? (rig.upstream.received[connection] ?? '').split('GET ').at(-1)
          : '';
        const id = last?.split(' ')[0] ?? '';
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${id.length}\r\n\r\n${id}`);
      });
      const paths = Array.from({ length: 100 }, (_, i) => `/v1/${i}`);
      const answers = await Promise.all(paths.map((path) => rig.relay.ask({ method: 'GET', path })));
      expect(answers.map(({ body }) => body)).toEqual(paths);
    });

    test('come over one connection when one follows the other', async () => {
      rig.upstream.serve((socket) => void socket.write(OK));
      await rig.relay.ask();
      const before = rig.upstream.received.length;
      for (let i = 0; i < 5; i += 1) expect((await rig.relay.ask()).body).toBe('ok');
      expect(rig.upstream.received).toHaveLength(before);
    });

    test('go no faster than the agent takes them, and arrive whole', async () => {
      const block = Buffer.alloc(64 * 1024, 'abcdefgh');
      const size = 512 * block.length;
      let taken = 0;
      rig.upstream.serve((socket) => {
        socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
        const more = (): void => {
          while (taken < size) {
            taken += block.length;
            if (!socket.write(block)) return void socket.once('drain', more);
          }
        };
        more();
      });
      const request = rig.relay.open({});
      request.end();
      const answer = await answerTo(request);
      await standstill(() => taken);
      expect(taken).toBeLessThan(size / 2);
      let got = 0;
      for await (const chunk of answer) got += (chunk as Buffer).length;
      expect(got).toBe(size);
    });
  });
}
