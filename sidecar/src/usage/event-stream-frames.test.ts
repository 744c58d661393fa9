import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { EventStreamFrames } from './event-stream-frames.ts';
import { frame } from '../testing/event-stream.ts';

function payloads(stream: Buffer, chunkBytes: readonly number[]): string[] {
  const found: string[] = [];
  const frames = new EventStreamFrames((bytes, start, end) =>
    found.push(bytes.toString('latin1', start, end)),
  );
  let at = 0;
  for (let i = 0; at < stream.length; i += 1) {
    const size = chunkBytes[i % chunkBytes.length] ?? 1;
    // A chunk's memory is used anew when it has passed.
    const chunk = Buffer.from(stream.subarray(at, at + size));
    frames.push(chunk);
    chunk.fill(0xff);
    at += size;
  }
  return found;
}

const chunkBytes = fc.array(fc.integer({ min: 1, max: 70 }), { minLength: 1, maxLength: 5 });
const parts = fc.record({
  payload: fc.string({ unit: 'binary-ascii', maxLength: 60 }),
  headers: fc.string({ unit: 'binary-ascii', maxLength: 30 }),
});

describe('EventStreamFrames', () => {
  test('finds every payload, however the stream is cut', () => {
    fc.assert(
      fc.property(fc.array(parts), chunkBytes, (list, sizes) => {
        const stream = Buffer.concat(list.map(({ payload, headers }) => frame(payload, headers)));
        const expected = list.map(({ payload }) => payload).filter((payload) => payload !== '');
        expect(payloads(stream, sizes)).toEqual(expected);
      }),
      { numRuns: 500 },
    );
  });

  test('S7: no input breaks it, and what is no frame ends the reading', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(parts), chunkBytes, (garbage, list, sizes) => {
        const first = frame('first');
        const rest = list.map(({ payload, headers }) => frame(payload, headers));
        const noise = Buffer.concat([Buffer.alloc(12, 1), garbage]);
        expect(payloads(Buffer.concat([first, noise, ...rest]), sizes)).toEqual(['first']);
        expect(() => payloads(Buffer.from(garbage), sizes)).not.toThrow();
      }),
      { numRuns: 500 },
    );
  });

  test('takes no frame whose lengths do not add up to their checksum', () => {
    const bad = frame('x');
    bad.writeUInt8(bad.readUInt8(8) ^ 1, 8);
    expect(payloads(Buffer.concat([frame('first'), bad, frame('next')]), [1000])).toEqual(['first']);
  });

  test('takes no headers that are longer than their frame', () => {
    const bad = frame('x', 'headers', { headerBytes: 9 });
    expect(payloads(Buffer.concat([bad, frame('next')]), [1000])).toEqual([]);
  });

  test('passes over what is larger than a megabyte, and reads on behind it', () => {
    const stream = Buffer.concat([frame('x'.repeat(1_048_577)), frame('next')]);
    for (const size of [1000, 10_000_000]) expect(payloads(stream, [size])).toEqual(['next']);
    expect(payloads(frame('x'.repeat(1_048_576)), [1000])).toHaveLength(1);
  });
});
