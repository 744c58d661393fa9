// Answers that cannot be passed on as they came: whatever the provider sends, the agent is told, and what the request held is free.
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';

import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';

import { eventually } from '../testing/eventually.ts';
import { fakeToken, startSidecar, type TestSidecar } from '../testing/test-sidecar.ts';
import { startUpstream, type TestUpstream, type UpstreamHandler } from '../testing/tls-upstream.ts';

const KEY = 'sk-CANARY-relay-0123456789abcdef';
const MEBIBYTE = 1024 * 1024;
/** one for each forwarder */
const BODIES = [
  ['a short request', '{}'],
  ['an upload', 'x'.repeat(100_000)],
] as const;

let upstream: TestUpstream;
let sidecar: TestSidecar;
const token = fakeToken();

beforeEach(async () => {
  upstream = await startUpstream();
  const rewrite = { urls: [{ paths: ['/v1/json'], fields: ['url'] }] };
  sidecar = await startSidecar({
    credentials: [
      {
        provider: upstream.provider('openai', { rewrite }),
        token,
        key: KEY,
        limits: { concurrentRequests: 20 },
      },
    ],
    addresses: { [upstream.host]: ['127.0.0.1'] },
  });
});

afterEach(async () => {
  await sidecar.close();
  await upstream.close();
});

const post = (body: string): Promise<Response> =>
  fetch(`${sidecar.base}/openai/v1/x`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body,
    signal: AbortSignal.timeout(10_000),
  });

/** whatever the request says */
function answered(act: UpstreamHandler): void {
  upstream.answer((request, response) => {
    request.resume();
    request.on('end', () => act(request, response));
  });
}

describe('a refused key whose answer cannot be read', () => {
  test.each([
    ['is too large', (_request, response) => void response.writeHead(401).end('x'.repeat(300 * 1024))],
    [
      'is no gzip',
      (_request, response) => void response.writeHead(401, { 'content-encoding': 'gzip' }).end('no'),
    ],
  ] as [string, UpstreamHandler][])('because it %s is told, and noted', async (_, act) => {
    for (const [, body] of BODIES) {
      answered(act);
      const answer = await post(body);
      expect(answer.status).toBe(502);
      expect(await answer.json()).toMatchObject({ error: { type: 'seks_error' } });
    }
    const noted = { code: 'SEKS_UPSTREAM_KEY_REFUSED' };
    await eventually(() => expect(sidecar.audit).toMatchObject([noted, noted]));
  });

  test('because it breaks off ends the request', async () => {
    for (const [, body] of BODIES) {
      answered((_request, response) => {
        response.writeHead(401, { 'content-length': '1000' });
        response.write('{"error":', () => response.destroy());
      });
      // Told, or broken off as well; never left waiting.
      await post(body).then(
        (answer) => expect(answer.status).toBe(502),
        (cause: Error) => expect(cause.name).toBe('TypeError'),
      );
    }
    await eventually(() => expect(sidecar.audit).toHaveLength(2));
  });
});

describe('a status text that Node reads but does not write', () => {
  test.each(BODIES)('is left out: %s', async (_, body) => {
    for (const [status, text] of [
      [400, 'Bad\u0001Request'],
      [400, 'Bad\u007fRequest'],
      [200, 'O\u0001K'],
    ] as const) {
      answered((request) => {
        request.socket.write(`HTTP/1.1 ${status} ${text}\r\ncontent-length: 2\r\n\r\n{}`);
      });
      const answer = await post(body);
      expect([answer.status, answer.statusText, await answer.text()]).toEqual([status, '', '{}']);
    }
  });
});

describe('answers that are read whole', () => {
  function get(): ClientRequest {
    const path = '/openai/v1/json';
    return requestHttp({ port: sidecar.port, path, headers: { authorization: `Bearer ${token}` } }).end();
  }

  test('S7: hold no more memory than all of them may, and give it back', async () => {
    const body = JSON.stringify({ url: 'https://example.com', filler: 'y'.repeat(15 * MEBIBYTE) });
    answered((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    });
    const unread: IncomingMessage[] = [];
    for (let i = 0; i < 2; i += 1) {
      const [answer] = (await once(get(), 'response')) as [IncomingMessage];
      expect(answer.statusCode).toBe(200);
      unread.push(answer);
    }
    const [refused] = (await once(get(), 'response')) as [IncomingMessage];
    expect(refused.headers).toMatchObject({
      'x-seks-error': 'SEKS_UPSTREAM_ANSWER_POOL_FULL',
      'x-should-retry': 'false',
    });
    refused.resume();
    for (const answer of unread) {
      let bytes = 0;
      for await (const chunk of answer) bytes += (chunk as Buffer).length;
      expect(bytes).toBe(body.length);
    }
    const [again] = (await once(get(), 'response')) as [IncomingMessage];
    expect(again.statusCode).toBe(200);
    again.destroy();
  });
});
