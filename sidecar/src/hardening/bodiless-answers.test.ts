// Answers that have no body, whatever their head says, and interim answers: the next answer on the connection is the next one's.
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';

import { AUTH, type Rig, startRig } from './rig.ts';

let rig: Rig;

beforeAll(async () => {
  rig = await startRig();
});

afterAll(async () => {
  await rig.close();
});

function request(method: string, tag: string, more = ''): string {
  return `${method} /openai/v1/a HTTP/1.1\r\n${rig.host}\r\n${AUTH}\r\nX-Tag: ${tag}\r\n${more}\r\n`;
}

/** the first request gets these bytes, all others their tag; returns both answers */
async function twoAnswers(method: string, bytes: string, more?: string) {
  let first = true;
  rig.upstream.answer((socket) => {
    const body = 'next';
    socket.write(first ? bytes : `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    first = false;
  });
  const socket = await rig.send([request(method, '1', more), request('GET', '2')], 2);
  rig.upstream.answer(undefined);
  rig.upstream.forget();
  await rig.settle([]);
  return socket.answers;
}

describe('the answer to the next request is its own', () => {
  test.each([
    ['HEAD', 'with a length', 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n', 200],
    ['HEAD', 'with chunks announced', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n', 200],
    ['HEAD', 'without either', 'HTTP/1.1 200 OK\r\n\r\n', 200],
    [
      'HEAD',
      'with an encoding',
      'HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\n',
      200,
    ],
    ['HEAD', 'that is an error', 'HTTP/1.1 404 No\r\ncontent-length: 1000\r\n\r\n', 404],
    ['GET', 'is 204', 'HTTP/1.1 204 No Content\r\n\r\n', 204],
    ['DELETE', 'is 204 with a length', 'HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n', 204],
    [
      'GET',
      'is 304 with a length',
      'HTTP/1.1 304 Not Modified\r\ncontent-length: 1000\r\netag: "a"\r\n\r\n',
      304,
    ],
    ['GET', 'has a length of nothing', 'HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n', 200],
    ['GET', 'has no chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n', 200],
    ['GET', 'is an error without body', 'HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n', 500],
  ])('%s: it %s', async (method, _, bytes, status) => {
    const answers = await twoAnswers(method, bytes);
    expect(answers).toMatchObject([
      { status, code: undefined, body: '' },
      { status: 200, body: 'next' },
    ]);
  });

  test.each([
    ['102', 'HTTP/1.1 102 Processing\r\n\r\n'],
    [
      '103 twice',
      'HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <b>\r\n\r\n',
    ],
  ])('before it came %s', async (_, interim) => {
    const final = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nfirst';
    for (const [method, more] of [
      ['GET', ''],
      ['POST', 'Content-Length: 0\r\n'],
    ] as const) {
      expect(await twoAnswers(method, interim + final, more)).toMatchObject([
        { body: 'first' },
        { body: 'next' },
      ]);
    }
  });
});
