import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { createUsageChunkRemover } from './usage-chunk-remover.ts';

function remove(stream: string, sizes: readonly number[]): string {
  const remover = createUsageChunkRemover();
  const bytes = Buffer.from(stream);
  const out: Buffer[] = [];
  let at = 0;
  for (let i = 0; at < bytes.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    // As of a parser that uses its memory again.
    const chunk = Buffer.from(bytes.subarray(at, at + size));
    out.push(Buffer.from(remover.push(chunk)));
    chunk.fill(0);
    at += size;
  }
  out.push(remover.end());
  return Buffer.concat(out).toString();
}

const USAGE = '{"id":"c","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3}}';

describe('createUsageChunkRemover', () => {
  test('passes on exactly the stream as it would be without our asking, however it is cut', () => {
    const newline = fc.constantFrom('\n', '\r\n');
    const chunk = fc
      .tuple(fc.string(), fc.constantFrom('', ',"obfuscation":"aB3"', ',"obfuscation":""'))
      .map(([content, obfuscation]) => {
        const head = `data: {"id":"c","choices":[{"delta":{"content":${JSON.stringify(content)}}}]`;
        return { sent: [`${head},"usage":null${obfuscation}}`], kept: [`${head}${obfuscation}}`] };
      });
    const untouched = fc
      .constantFrom(
        ': PROCESSING',
        'data: [DONE]',
        'data: {"choices":[]}',
        'data: {"choices":[],"usage":null, "x":1}',
        'data: {"choices":[{"usage":{}}],"usage":{"prompt_tokens":1}}',
        'data: {"choices":[{"delta":{"content":"\\"choices\\":[],\\"usage\\":{}"}}]}',
        'data: {"choices":[{"delta":{"content":",\\"usage\\":null"}}]}',
        'data: {"a":{"choices":[],"usage":{}}}',
        'data: {"choices":[],"usage":{"broken"',
        'event: x',
        'data: {"choices":[],"usage":null]',
        'data:',
      )
      .map((line) => ({ sent: [line], kept: [line] }));
    const usage = fc
      .constantFrom(
        `data: ${USAGE}`,
        `data:${USAGE}`,
        'data: { "usage" : {}, "choices" : [ ], "x_groq": {} }',
      )
      .map((line) => ({ sent: [line], kept: undefined }));
    const named = fc.constant({ sent: ['id: 1', `data: ${USAGE}`], kept: ['id: 1'] });
    const event = fc.oneof(chunk, untouched, usage, named);
    fc.assert(
      fc.property(
        fc.array(event),
        newline,
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (events, end, sizes) => {
          const join = (lines: readonly string[] | undefined): string =>
            lines === undefined ? '' : `${lines.join(end)}${end}${end}`;
          const sent = events.map((item) => join(item.sent)).join('');
          expect(remove(sent, sizes)).toBe(events.map((item) => join(item.kept)).join(''));
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('never delays an event that has ended', () => {
    const remover = createUsageChunkRemover();
    const event = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    expect(remover.push(Buffer.from(`${event}data: {"ch`)).toString()).toBe(event);
    expect(remover.push(Buffer.from('oices":[]}\n')).toString()).toBe('data: {"choices":[]}\n');
    expect(remover.push(Buffer.from('\n')).toString()).toBe('\n');
  });

  test('passes a chunk on without copying it where there is nothing to remove', () => {
    const chunk = Buffer.from(': comment\n');
    expect(createUsageChunkRemover().push(chunk).buffer).toBe(chunk.buffer);
  });

  test('holds no more than 64 KiB, and passes a longer line on as it is', () => {
    const line = `data: {"choices":[],"usage":{"x":"${'y'.repeat(70_000)}"}}`;
    const remover = createUsageChunkRemover();
    expect(remover.push(Buffer.from(line.slice(0, 65_536)))).toHaveLength(0);
    expect(remover.push(Buffer.from(line.slice(65_536, 65_537)))).toHaveLength(65_537);
    expect(remover.push(Buffer.from(line.slice(65_537, 65_600)))).toHaveLength(63);
    expect(remover.push(Buffer.from(`${line.slice(65_600)}\n\ndata: ${USAGE}\n\n`)).toString()).toBe(
      `${line.slice(65_600)}\n\n`,
    );
    expect(remover.end()).toHaveLength(0);
  });

  test('gives back what was held when the stream breaks off', () => {
    expect(remove('data: {"choices":[],"us', [7])).toBe('data: {"choices":[],"us');
  });
});
