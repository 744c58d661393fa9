import { expect, test } from '@jest/globals';

import { MessageParser } from '../load/message-parser.ts';
import { createEventReader } from '../load/event-times.ts';
import { completion, eventChunk, type Kind, kindOf, lastChunks, MODELS, requestBody } from './answers.ts';

test('every kind is known again by its request', () => {
  for (const kind of Object.keys(MODELS) as Kind[]) {
    expect(kindOf(Buffer.from(requestBody(kind)))).toBe(kind);
  }
  expect(() => kindOf(Buffer.from('{"model":"gpt-bench-1"}'))).toThrow(RangeError);
});

test('sizes are what they are called, within five percent', () => {
  for (const [kind, bytes] of [
    ['kilobyte', 1024],
    ['kilobytes64', 65_536],
    ['mebibyte', 1_048_576],
  ] as const) {
    expect(Math.abs(completion(kind).length / bytes - 1)).toBeLessThan(0.05);
    expect(Math.abs(requestBody(kind, bytes).length / bytes - 1)).toBeLessThan(0.05);
  }
});

test('a stream is valid HTTP and tells when its events were sent', () => {
  const times: number[] = [];
  const read = createEventReader((sentUs) => times.push(sentUs));
  let ended = false;
  const parser = new MessageParser('answer', { head() {}, body: read, end: () => (ended = true) });
  parser.push(Buffer.from('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n'));
  parser.push(Buffer.from(eventChunk(123_456.7) + eventChunk(9_007_199_254_740_000) + lastChunks()));
  expect(times).toEqual([123_457, 9_007_199_254_740_000]);
  expect(ended).toBe(true);
});
