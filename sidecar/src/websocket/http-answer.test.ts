// The bytes of an HTTP answer on a raw connection.
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';

import { expect, test } from '@jest/globals';

import { writeHttpAnswer } from './http-answer.ts';

async function written(rawHeaders: string[], statusText = 'Too Many'): Promise<string> {
  const socket = new PassThrough();
  socket.resume = () => socket;
  const all = text(socket);
  socket.destroy = () => socket;
  writeHttpAnswer(socket, { status: 429, statusText, rawHeaders, body: Buffer.from('body') });
  return all;
}

test('framing is ours, the rest is passed on', async () => {
  const answer = await written([
    'Retry-After',
    '7',
    'Content-Length',
    '99',
    'Connection',
    'upgrade',
    'X-A',
    'b',
  ]);
  expect(answer).toBe(
    'HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nX-A: b\r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody',
  );
});

test('nothing can write a header of its own', async () => {
  const answer = await written(['X-A', 'b\r\nX-Evil: 1', 'X B', 'c', 'X-C:', 'd'], 'No\r\nX-Evil: 1');
  expect(answer).toBe('HTTP/1.1 429 \r\ncontent-length: 4\r\nconnection: close\r\n\r\nbody');
});

test('a connection that has gone is left alone', () => {
  const socket = new PassThrough();
  socket.destroy();
  writeHttpAnswer(socket, { status: 429, statusText: '', rawHeaders: [], body: Buffer.alloc(0) });
  expect(socket.writableEnded).toBe(false);
});
