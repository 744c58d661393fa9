import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { JsonUsageScanner } from './json-usage-scanner.ts';
import type { TokenCounts, UsageFormat } from './token-counts.ts';
import { createUsageObserver } from './usage-observer.ts';

function count(
  format: UsageFormat,
  type: string,
  body: string,
  chunkBytes = Number.MAX_SAFE_INTEGER,
): TokenCounts | undefined {
  const observer = createUsageObserver(format, type);
  const bytes = Buffer.from(body);
  for (let i = 0; i < bytes.length; i += chunkBytes) observer?.observe(bytes.subarray(i, i + chunkBytes));
  return observer?.counts();
}

const CHAT = JSON.stringify({
  id: 'x',
  choices: [{ message: { content: 'say "usage":{"prompt_tokens":999} \\' }, usage: { prompt_tokens: 7 } }],
  usage: {
    prompt_tokens: 10,
    completion_tokens: 20,
    total_tokens: 30,
    prompt_tokens_details: { cached_tokens: 4 },
    completion_tokens_details: { reasoning_tokens: 5 },
  },
  system_fingerprint: 'fp',
});

const RESPONSES_STREAM = [
  'event: response.created',
  'data: {"type":"response.created","response":{"id":"r","usage":null}}',
  '',
  'data: {"type":"response.output_text.delta","delta":"\\"usage\\":{}"}',
  '',
  `data: {"type":"response.completed","response":{"id":"r","output":[{"content":"${'x'.repeat(70_000)}"}],"usage":{"input_tokens":11,"input_tokens_details":{"cached_tokens":3},"output_tokens":22,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":33}}}`,
  '',
  '',
].join('\n');

const ANTHROPIC_STREAM = [
  'event: message_start',
  'data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":50,"output_tokens":1}}}',
  '',
  'event: ping',
  'data: {"type":"ping"}',
  '',
  'data: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":null,"output_tokens":15}}',
  '',
  '',
].join('\r\n');

const GROQ_STREAM = [
  'data: {"id":"c","choices":[{"delta":{"content":"hi"}}]}',
  '',
  'data: {"id":"c","choices":[],"x_groq":{"id":"req","usage":{"prompt_tokens":18,"completion_tokens":5,"queue_time":0.02}}}',
  '',
  'data: {"id":"c","choices":[],"usage":{"prompt_tokens":18,"completion_tokens":5}}',
  '',
  'data: [DONE]',
  '',
  '',
].join('\n');

describe('createUsageObserver', () => {
  test.each<[string, UsageFormat, string, string, TokenCounts]>([
    [
      'a chat completion',
      'OpenAI',
      'application/json; charset=utf-8',
      CHAT,
      { input: 10, output: 20, cacheRead: 4, reasoning: 5 },
    ],
    [
      'embeddings',
      'OpenAI',
      'application/json',
      '{"data":[{"embedding":[0.1,-2e3]}],"usage":{"prompt_tokens":8,"total_tokens":8}}',
      { input: 8 },
    ],
    [
      'a response',
      'OpenAI',
      'application/json',
      '{"usage" : {"input_tokens":1,"output_tokens":2},"id":"r"}',
      { input: 1, output: 2 },
    ],
    [
      'a stream of responses',
      'OpenAI',
      'text/event-stream',
      RESPONSES_STREAM,
      { input: 11, output: 22, cacheRead: 3, reasoning: 8 },
    ],
    ['Groq, which reports twice', 'OpenAI', 'text/event-stream', GROQ_STREAM, { input: 18, output: 5 }],
    [
      'a message',
      'Anthropic',
      'application/json',
      '{"type":"message","usage":{"input_tokens":3,"output_tokens":4}}',
      { input: 3, output: 4 },
    ],
    [
      'a message stream, whose counts are cumulative',
      'Anthropic',
      'text/event-stream',
      ANTHROPIC_STREAM,
      { input: 175, output: 15, cacheRead: 50, cacheWrite: 100 },
    ],
  ])('reads %s, however it is cut', (_, format, type, body, expected) => {
    for (const size of [1, 2, 3, 7, 64, 1000, 16_384, Number.MAX_SAFE_INTEGER]) {
      expect(count(format, type, body, size)).toEqual(expected);
    }
  });

  test.each([
    ['no usage', '{"id":1}'],
    ['usage that is no object', '{"usage":"many","choices":{"prompt_tokens":1}}'],
    ['usage that is null', '{"usage":null,"x":{"prompt_tokens":1}}'],
    ['usage deeper down', '{"a":{"usage":{"prompt_tokens":1}},"b":[{"usage":{"prompt_tokens":1}}]}'],
    ['an array', '[{"usage":{"prompt_tokens":1}}]'],
    ['an array of keys', '{"a":["usage",{"prompt_tokens":1}]}'],
    ['implausible counts', '{"usage":{"prompt_tokens":-1,"completion_tokens":1e300}}'],
    ['usage without end', '{"usage":{"prompt_tokens":1'],
    ['usage that is too long', `{"usage":{"prompt_tokens":1,"x":"${'y'.repeat(20_000)}"}}`],
    ['usage that is not JSON', '{"usage":{prompt_tokens:1}}'],
  ])('counts nothing in %s', (_, body) => {
    expect(count('OpenAI', 'application/json', body)).toBeUndefined();
    expect(count('OpenAI', 'application/json', body, 1)).toBeUndefined();
  });

  test('looks at no other media type', () => {
    expect(createUsageObserver('OpenAI', 'audio/mpeg')).toBeUndefined();
    expect(createUsageObserver('OpenAI', '')).toBeUndefined();
  });
});

describe('JsonUsageScanner', () => {
  test('finds usage in any JSON, as JSON.parse does', () => {
    const usage = fc.dictionary(fc.string(), fc.jsonValue());
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        usage,
        fc.integer({ min: 1, max: 20 }),
        (rest, object, size) => {
          const found: unknown[] = [];
          const scanner = new JsonUsageScanner((value) => found.push(value));
          // Parents have usage of their own.
          const { message: _m, response: _r, x_groq: _g, ...others } = rest;
          const bytes = Buffer.from(JSON.stringify({ ...others, usage: object }));
          for (let i = 0; i < bytes.length; i += size)
            scanner.feed(bytes, i, Math.min(bytes.length, i + size));
          expect(found).toEqual([JSON.parse(JSON.stringify(object))]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('S7: no input breaks it', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom('{', '}', '[', ']', '"', '\\', ':', ',', 'usage', '"usage":', '1')),
        (parts) => {
          const scanner = new JsonUsageScanner(() => {});
          expect(() => scanner.feed(Buffer.from(parts.join('')))).not.toThrow();
        },
      ),
    );
  });
});
