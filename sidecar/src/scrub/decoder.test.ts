import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';

import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { createDecoder } from './decoder.ts';

const TEXT = 'hello world, hello key '.repeat(30);
const SKIPPABLE_FRAME = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
const FRAMES = ['one ', '', 'two '].map((text) => zstdCompressSync(text));

const BODIES: [name: string, coding: string, coded: Buffer, text: string][] = [
  ['gzip', 'gzip', gzipSync(TEXT), TEXT],
  ['gzip in two members', 'gzip', Buffer.concat([gzipSync('one '), gzipSync(TEXT)]), `one ${TEXT}`],
  ['gzip with padding', 'gzip', Buffer.concat([gzipSync(TEXT), Buffer.alloc(64)]), TEXT],
  ['deflate', 'deflate', deflateSync(TEXT), TEXT],
  ['deflate without a header', 'deflate', deflateRawSync(TEXT), TEXT],
  ['deflate without a header nor compression', 'deflate', deflateRawSync(TEXT, { level: 0 }), TEXT],
  ['br', 'br', brotliCompressSync(TEXT), TEXT],
  [
    'zstd in several frames',
    'zstd',
    Buffer.concat([...FRAMES, SKIPPABLE_FRAME, zstdCompressSync(TEXT), SKIPPABLE_FRAME]),
    `one two ${TEXT}`,
  ],
];

/** what comes out, or that it failed; a slow reader lets each piece wait */
function decode(coding: string, chunks: readonly Buffer[], slow = false): Promise<string> {
  return new Promise((resolve) => {
    const decoder = createDecoder(coding);
    if (decoder === undefined) throw new Error(`no decoder for ${coding}`);
    const out: Buffer[] = [];
    decoder.on('data', (bytes: Buffer) => {
      out.push(bytes);
      if (!slow) return;
      decoder.pause();
      setImmediate(() => decoder.resume());
    });
    decoder.on('end', () => resolve(Buffer.concat(out).toString()));
    decoder.on('error', () => resolve('failed'));
    for (const chunk of chunks) decoder.write(chunk);
    decoder.end();
  });
}

function chunked(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return [...chunks, bytes.subarray(at)];
}

describe('createDecoder', () => {
  test.each(BODIES)('%s, wherever the chunks end, whole', async (_, coding, coded, text) => {
    const sizes = fc.array(fc.nat(40), { maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(sizes, fc.boolean(), async (list, slow) => {
        expect(await decode(coding, chunked(coded, list), slow)).toBe(text);
      }),
      {
        numRuns: 60,
        examples: [
          [[], false],
          [[], true],
        ],
      },
    );
  });

  test.each(['gzip', 'x-gzip', 'deflate', 'br', 'zstd'])('%s of no byte is nothing', async (coding) => {
    expect(await decode(coding, [])).toBe('');
    expect(await decode(coding, [Buffer.alloc(0)])).toBe('');
  });

  test('S7: a last zstd frame that is cut off fails, wherever it is', async () => {
    const first = zstdCompressSync('one ');
    const both = Buffer.concat([first, zstdCompressSync(TEXT)]);
    for (let cut = first.length + 1; cut < both.length; cut += 1) {
      expect(await decode('zstd', [both.subarray(0, cut)])).toBe('failed');
    }
  });

  test.each([
    ['gzip', gzipSync(TEXT)],
    ['zstd', zstdCompressSync(TEXT)],
  ])('S7: %s that something else follows fails', async (coding, coded) => {
    const garbage = Buffer.from('garbage');
    expect(await decode(coding, [Buffer.concat([coded, garbage])])).toBe('failed');
    expect(await decode(coding, [coded, garbage])).toBe('failed');
  });

  test('S7: who does not read holds it up, however much a few bytes become, and gets everything in the end', async () => {
    const decoder = createDecoder('gzip');
    if (decoder === undefined) throw new Error('no decoder');
    const whole = 16_000_000;
    decoder.end(gzipSync(Buffer.alloc(whole)));
    // By then the first bytes are there, and all would be if nothing stopped it.
    await new Promise((resolve) => decoder.once('readable', resolve));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(decoder.readableLength).toBeLessThan(1_000_000);
    let bytes = 0;
    decoder.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await new Promise((resolve) => {
      decoder.removeAllListeners('readable').on('end', resolve).resume();
    });
    expect(bytes).toBe(whole);
  });

  test('the end of the data is not the end of the body: what follows is still taken', async () => {
    const padding = Array.from({ length: 100 }, () => Buffer.alloc(10_000));
    for (const [coding, coded] of [
      ['br', brotliCompressSync(TEXT)],
      ['deflate', deflateSync(TEXT)],
    ] as const) {
      expect(await decode(coding, [Buffer.concat([coded, Buffer.alloc(9)]), ...padding])).toBe(TEXT);
    }
  });
});
