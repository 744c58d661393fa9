import { expect, test } from '@jest/globals';

import { createEventReader } from './event-times.ts';

test('times of whole events, split anywhere', () => {
  const stream =
    'data: {"content":"@0000000000000012@ x"}\n\ndata: {"content":"none"}\n\ndata: "@0000000000000034@"\n\n';
  for (let size = 1; size <= stream.length; size += 1) {
    const times: number[] = [];
    const read = createEventReader((sentUs) => times.push(sentUs));
    for (let at = 0; at < stream.length; at += size) read(Buffer.from(stream.slice(at, at + size)));
    expect(times).toEqual([12, 34]);
  }
});
