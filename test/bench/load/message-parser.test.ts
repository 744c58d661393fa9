import { expect, test } from '@jest/globals';
import fc from 'fast-check';

import { MessageParser } from './message-parser.ts';

function parse(kind: 'request' | 'answer', chunks: readonly Buffer[], closed = false): string[] {
  const seen: string[] = [];
  let body = '';
  const parser = new MessageParser(kind, {
    head: (text) => seen.push(text),
    body: (bytes) => (body += bytes.toString('latin1')),
    end: () => {
      seen.push(body);
      body = '';
    },
    upgrade: (rest) => seen.push(`upgraded ${rest.toString()}`),
  });
  for (const chunk of chunks) parser.push(chunk);
  if (closed) parser.close();
  return seen;
}

test('messages are the same however they are split', () => {
  const bytes = Buffer.from(
    'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello' +
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\nt: v\r\n\r\n' +
      'HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n',
  );
  const whole = parse('answer', [bytes]);
  expect(whole).toEqual([
    'HTTP/1.1 200 OK\r\nContent-Length: 5',
    'hello',
    'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked',
    'abc0123456789',
    'HTTP/1.1 204 No Content\r\nContent-Length: 0',
    '',
  ]);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length)), (cuts) => {
      const borders = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const chunks = borders.slice(1).map((end, i) => bytes.subarray(borders[i], end));
      expect(parse('answer', chunks)).toEqual(whole);
    }),
  );
});

test('an answer without framing ends with its connection, a request has no body', () => {
  expect(parse('answer', [Buffer.from('HTTP/1.1 200 OK\r\nA: b\r\n\r\nab'), Buffer.from('c')], true)).toEqual(
    ['HTTP/1.1 200 OK\r\nA: b', 'abc'],
  );
  expect(parse('request', [Buffer.from('GET / HTTP/1.1\r\nHost: a\r\n\r\n')])).toEqual([
    'GET / HTTP/1.1\r\nHost: a',
    '',
  ]);
});

test('what follows an upgrade is another protocol', () => {
  expect(parse('request', [Buffer.from('GET / HTTP/1.1\r\nUpgrade: websocket\r\n\r\nxyz')])).toEqual([
    'GET / HTTP/1.1\r\nUpgrade: websocket',
    'upgraded xyz',
  ]);
});
