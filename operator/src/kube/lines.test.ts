import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';

import { LineTooLongError, TruncatedLineError, splitLines } from './lines.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}

async function collect(text: string, sizes: readonly number[], max = 1e6): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of splitLines(chunksOf(Buffer.from(text), sizes), max)) lines.push(line);
  return lines;
}

test('lines are the same however the bytes are cut', async () => {
  const line = fc.string({ unit: 'grapheme', maxLength: 40 }).filter((text) => !text.includes('\n'));
  const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 20 }), sizes, async (lines, cuts) => {
      const text = lines.map((one) => `${one}\n`).join('');
      expect(await collect(text, cuts)).toEqual(lines.filter((one) => one !== ''));
    }),
  );
});

test('a last line without its end is no line', async () => {
  await expect(collect('{"a":1}\n{"b"', [3])).rejects.toThrow(TruncatedLineError);
});

test('a line that is too long is refused before it is complete', async () => {
  await expect(collect('x'.repeat(101), [7], 100)).rejects.toThrow(LineTooLongError);
  expect(await collect(`${'x'.repeat(100)}\n`, [7], 100)).toHaveLength(1);
});
