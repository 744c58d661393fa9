// What every forwarder makes of answers that are none, or break off.
import { once } from 'node:events';
import type { ClientRequest } from 'node:http';
import { text } from 'node:stream/consumers';
import type { TLSSocket } from 'node:tls';

import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { answerTo } from '../../testing/agent-request.ts';
import { eventually } from '../../testing/eventually.ts';
import type { ForwarderKind } from '../forwarder-kinds.ts';
import { failureOf } from './failure-of.ts';
import { OK, SILENCE_MS } from './raw-upstream.ts';
import { type RelayedUpstream, startRelayedUpstream } from './relayed-upstream.ts';
import { startRelay } from './relay-server.ts';

/** the tests of answers that fail */
export function describeBrokenAnswers(kind: ForwarderKind): void {
  let rig: RelayedUpstream;

  beforeAll(async () => {
    rig = await startRelayedUpstream(kind);
  });
  beforeEach(() => {
    rig.relay.failures.length = 0;
  });
  afterAll(async () => rig.close());

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
      rig.upstream.serve((socket) => void socket.end(bytes));
      expect(await failureOf(rig.upstream.forwarder(kind))).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because it breaks the connection off', async () => {
      rig.upstream.serve((socket) => socket.destroy());
      expect(await failureOf(rig.upstream.forwarder(kind))).toEqual([502, 'SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('because it is silent', async () => {
      rig.upstream.serve(() => {});
      const forwarder = rig.upstream.forwarder(kind, { idleTimeoutMs: SILENCE_MS });
      expect(await failureOf(forwarder)).toEqual([504, 'SEKS_UPSTREAM_TIMEOUT']);
    });

    test('and the request is not sent again', async () => {
      rig.upstream.serve((socket) => void socket.write(OK));
      await rig.relay.ask({ method: 'GET' });
      const before = rig.upstream.received.join('').split('GET ').length;
      rig.upstream.serve((socket) => socket.destroy());
      expect((await rig.relay.ask({ method: 'GET' })).status).toBe(502);
      expect(rig.upstream.received.join('').split('GET ')).toHaveLength(before + 1);
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
          rig.upstream.serve((socket) => {
            socket.write(bytes.join(''), 'latin1', () => (orderly ? socket.end() : socket.destroy()));
          });
          const request = rig.relay.open({ headers: { 'content-length': '2' } });
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
      rig.upstream.serve((socket) => void socket.write(OK));
      expect((await rig.relay.ask()).body).toBe('ok');
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
        rig.relay.failures.length = 0;
        rig.upstream.serve((socket) => {
          socket.write(`HTTP/1.1 200 OK\r\n${rest}`, () =>
            end === 'orderly' ? socket.end() : setImmediate(() => socket.destroy()),
          );
        });
        expect(await endOf(rig.relay.open({}))).toBe('broken off');
        expect(rig.relay.failures.map(({ code }) => code)).toContain('SEKS_UPSTREAM_UNREACHABLE');
      }
    });

    test.each([
      ['a body of known length', 'Content-Length: 9\r\n\r\nhalf'],
      ['a chunked body', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'],
      ['a body that ends with its connection', '\r\nhalf'],
    ])('%s by a reset is an error to the agent', async (_, rest) => {
      let connection: TLSSocket | undefined;
      rig.upstream.serve((socket) => {
        connection = socket;
        socket.write(`HTTP/1.1 200 OK\r\n${rest}`);
      });
      const request = rig.relay.open({});
      request.end();
      const answer = await answerTo(request);
      // A reset overtakes what has not been read.
      await once(answer, 'readable');
      if (connection !== undefined) rig.upstream.reset(connection);
      await expect(text(answer)).rejects.toThrow('aborted');
      expect(rig.relay.failures.map(({ code }) => code)).toEqual(['SEKS_UPSTREAM_UNREACHABLE']);
    });

    test('by silence is a timeout', async () => {
      rig.upstream.serve((socket) => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf');
      });
      const own = await startRelay({
        forwarder: rig.upstream.forwarder(kind, { idleTimeoutMs: SILENCE_MS }),
      });
      const request = own.open({});
      request.end();
      const answer = await answerTo(request);
      await expect(text(answer)).rejects.toThrow('aborted');
      expect(own.failures[0]?.code).toBe('SEKS_UPSTREAM_TIMEOUT');
      await own.close();
    });

    test('between two requests is no failure', async () => {
      rig.upstream.serve((socket) => void socket.write(OK));
      await rig.relay.ask();
      // In good order, so that a connection is closed here only when the other end has learnt of it.
      for (const socket of rig.upstream.connections) socket.end();
      await eventually(() => expect(rig.upstream.connections.every(({ closed }) => closed)).toBe(true));
      expect((await rig.relay.ask()).body).toBe('ok');
    });
  });
}

/** how the answer to a request without a body ends */
async function endOf(request: ClientRequest): Promise<'whole' | 'broken off'> {
  request.end();
  try {
    await text(await answerTo(request));
    return 'whole';
  } catch {
    // Even before the head, where the break came with it.
    return 'broken off';
  }
}
