// What a hostile provider sends back, and what it keeps open.
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';

import { startSidecar } from '../testing/test-sidecar.ts';
import { answerOk } from '../testing/tls-upstream.ts';
import { AUTH, KEY, OTHER_TOKEN, type RedTeamRig, startRedTeam, TOKEN } from './testing/red-team-rig.ts';

let rig: RedTeamRig;

beforeAll(async () => {
  rig = await startRedTeam();
});
afterEach(() => rig.upstream.reset());
afterAll(async () => rig.close());

describe('answers of a hostile provider', () => {
  type Reply = (response: ServerResponse, request: IncomingMessage) => void;

  /** everything that the agent receives */
  async function received(reply: Reply): Promise<string> {
    rig.upstream.answer((request, response) => reply(response, request));
    return rig.sidecar.raw(rig.bytes({ headers: [AUTH, 'Connection: close'] }), Number.POSITIVE_INFINITY);
  }

  /** an answer written past Node's own checks */
  function writes(text: string): Reply {
    return ({ socket }) => void socket?.end(Buffer.from(text, 'latin1'));
  }

  const ok = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok';
  test.each([
    ['early hints', `HTTP/1.1 103 Early Hints\r\nlink: <${KEY}>\r\n\r\n${ok}`],
    ['100 Continue', `HTTP/1.1 100 ${KEY}\r\nx: ${KEY}\r\n\r\n${ok}`],
    ['a status below 100', `HTTP/1.1 099 ${KEY}\r\nx: ${KEY}\r\ncontent-length: 2\r\n\r\nok`],
    ['a status above 599', `HTTP/1.1 999 ${KEY}\r\nx: ${KEY}\r\ncontent-length: 2\r\n\r\nok`],
    ['a reason beyond ASCII', `HTTP/1.1 200 \xe9${KEY}\xe9\r\ncontent-length: 2\r\n\r\nok`],
    ['HTTP/1.0', `HTTP/1.0 200 OK\r\n\r\n${KEY}`],
    ['HTTP/0.9', `${KEY}\r\n`],
    ['no HTTP', `${KEY} 200 ${KEY}\r\n\r\n${KEY}`],
    ['a protocol switch', `HTTP/1.1 101 ${KEY}\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n${KEY}`],
    [
      'chunk extensions',
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;x="${KEY}"\r\nok\r\n0;y="${KEY}"\r\n\r\n`,
    ],
    ['length and coding', `HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n${KEY}`],
    [
      'two encodings',
      `HTTP/1.1 200 OK\r\ncontent-encoding: identity\r\ncontent-encoding: gzip\r\n\r\n${KEY}`,
    ],
    ['an encoding with a weight', `HTTP/1.1 200 OK\r\ncontent-encoding: gzip;q=1\r\n\r\n${KEY}`],
    [
      'a redirect with a cookie',
      `HTTP/1.1 302 ${KEY}\r\nlocation: https://e/?${KEY}\r\nset-cookie: ${KEY}\r\n\r\n`,
    ],
  ])('S10: %s', async (_, text) => {
    expect(await received(writes(text))).not.toContain(KEY);
  });

  const codes = [...Buffer.from(KEY)].map((byte) => byte.toString(16));
  test.each([
    ['percent-encoded byte by byte', codes.map((hex) => `%${hex}`).join('')],
    ['the same in capitals', codes.map((hex) => `%${hex.toUpperCase()}`).join('')],
    ['percent-encoded in lower case', encodeURIComponent(KEY).replaceAll(/%../g, (hex) => hex.toLowerCase())],
    [
      'escaped as by .NET',
      KEY.replaceAll(/[^\w-]/g, (c) => `\\u00${c.charCodeAt(0).toString(16).toUpperCase()}`),
    ],
    ['escaped as by Go', KEY.replaceAll(/[^\w-]/g, (c) => `\\u00${c.charCodeAt(0).toString(16)}`)],
  ])('S10: the key %s', async (_, form) => {
    expect(await received((response) => response.end(form))).not.toContain(form);
  });

  test.each([
    [
      'in one piece with the first',
      (response: ServerResponse, more: string) => response.socket?.write(ok + more),
    ],
    [
      'later',
      (response: ServerResponse, more: string) =>
        response.socket?.write(ok, () => response.socket?.write(more)),
    ],
    [
      'as the body of HEAD',
      (response: ServerResponse, more: string) =>
        response.socket?.write(`HTTP/1.1 200 OK\r\ncontent-length: ${more.length}\r\n\r\n${more}`),
    ],
  ])('S16: a second answer, %s, is nobody’s', async (how, write) => {
    const poison = 'HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison';
    const method = how.includes('HEAD') ? 'HEAD' : 'GET';
    rig.upstream.answer((_request, response) => void write(response, poison));
    const headers = { authorization: `Bearer ${TOKEN}` };
    // Whether the first answer arrives or breaks off is the sidecar's choice.
    await Promise.allSettled([fetch(`${rig.sidecar.base}/openai/v1/x`, { method, headers })]);
    rig.upstream.answer(answerOk);
    for (let i = 0; i < 5; i += 1) {
      const next = await fetch(`${rig.sidecar.base}/openai/v1/y`, {
        headers: { authorization: `Bearer ${OTHER_TOKEN}` },
      });
      expect(await next.text()).toBe('{"ok":true}');
    }
  });
});

test('S12: what is running when the lease ends is broken off', async () => {
  const provider = rig.upstream.provider('openai');
  const leaseMs = 300;
  const expiring = await startSidecar({
    credentials: [{ provider, token: TOKEN, key: KEY }],
    addresses: { [rig.upstream.host]: ['127.0.0.1'] },
    expiresAtMs: performance.now() + leaseMs,
  });
  // A stream without end: only the sidecar can bring about the end of it.
  const opened = new Promise<ServerResponse>((resolve) => {
    rig.upstream.answer((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write('data: first\n\n');
      resolve(response);
    });
  });
  try {
    const answer = await fetch(`${expiring.base}/openai/v1/x`, {
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(answer.status).toBe(200);
    const ended = once(await opened, 'close').then(() => 'ended');
    const limit = AbortSignal.timeout(leaseMs + 2_000);
    const running = once(limit, 'abort').then(() => 'still running');
    expect(await Promise.race([ended, running])).toBe('ended');
  } finally {
    await expiring.close();
  }
});
