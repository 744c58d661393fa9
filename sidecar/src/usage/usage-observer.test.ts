import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import type { TokenCounts, UsageFormat } from './token-counts.ts';
import { createUsageObserver, type UsageObserver } from './usage-observer.ts';

function observed(
  format: UsageFormat,
  type: string,
  body: string,
  chunkBytes: number,
): UsageObserver | undefined {
  const observer = createUsageObserver(format, type);
  const bytes = Buffer.from(body);
  for (let i = 0; i < bytes.length; i += chunkBytes) observer?.observe(bytes.subarray(i, i + chunkBytes));
  return observer;
}

function count(
  format: UsageFormat,
  type: string,
  body: string,
  chunkBytes = Number.MAX_SAFE_INTEGER,
): TokenCounts | undefined {
  return observed(format, type, body, chunkBytes)?.counts();
}

const CHAT_USAGE = 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n';

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
  'data: {"type":"message_start","message":{"id":"m","usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_creation":{"ephemeral_5m_input_tokens":60,"ephemeral_1h_input_tokens":40},"cache_read_input_tokens":50,"output_tokens":1}}}',
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

const XAI = JSON.stringify({
  model: 'grok-4',
  usage: {
    prompt_tokens: 32,
    completion_tokens: 9,
    total_tokens: 135,
    completion_tokens_details: { reasoning_tokens: 94 },
  },
});

const GEMINI_CHUNKS = [
  {
    candidates: [{ content: { parts: [{ text: '"usageMetadata":{"promptTokenCount":9}' }] } }],
    usageMetadata: { promptTokenCount: 10, totalTokenCount: 10 },
    modelVersion: 'gemini-3-pro',
  },
  {
    candidates: [{ content: { parts: [{ text: 'b' }] }, finishReason: 'STOP' }],
    usageMetadata: {
      promptTokenCount: 10,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 5,
      cachedContentTokenCount: 4,
      toolUsePromptTokenCount: 3,
      totalTokenCount: 38,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 4 },
        { modality: 'AUDIO', tokenCount: 6 },
      ],
    },
    modelVersion: 'gemini-3-pro',
  },
];
const GEMINI_COUNTS = { input: 13, output: 25, reasoning: 5, cacheRead: 4, inputAudio: 6 };

const GEMINI_INTERACTION = [
  'event: step.delta',
  'data: {"event_type":"step.delta","delta":{"type":"text","text":"hi"},"metadata":{"total_usage":{"total_input_tokens":1}}}',
  '',
  'event: interaction.completed',
  'data: {"event_type":"interaction.completed","interaction":{"model":"gemini-3-flash","usage":{"total_input_tokens":7,"total_output_tokens":8,"total_thought_tokens":2,"total_cached_tokens":1,"input_tokens_by_modality":[{"modality":"audio","tokens":5}]}}}',
  '',
  '',
].join('\n');

const COHERE_STREAM = [
  'event: content-delta',
  'data: {"type":"content-delta","index":0,"delta":{"message":{"content":{"text":"hi"}}}}',
  '',
  'event: message-end',
  'data: {"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":1,"output_tokens":2},"tokens":{"input_tokens":67,"output_tokens":3},"cached_tokens":5}}}',
  '',
  '',
].join('\n');

/** newline-delimited JSON of the first chat API */
const COHERE_LINES = [
  '{"is_finished":false,"event_type":"stream-start","generation_id":"g"}',
  '{"is_finished":false,"event_type":"text-generation","text":"say \\"meta\\":{}"}',
  '{"is_finished":true,"event_type":"stream-end","response":{"text":"say \\"meta\\":{}","meta":{"api_version":{"version":"1"},"billed_units":{"input_tokens":4,"output_tokens":9},"tokens":{"input_tokens":70,"output_tokens":11}}},"finish_reason":"COMPLETE"}',
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
      { input: 175, output: 15, cacheRead: 50, cacheWrite: 100, cacheWriteHour: 40 },
    ],
    [
      'xAI, which counts reasoning beside the output',
      'OpenAI',
      'application/json',
      XAI,
      { input: 32, output: 103, reasoning: 94 },
    ],
    [
      'DeepSeek',
      'OpenAI',
      'application/json',
      '{"usage":{"prompt_tokens":9,"completion_tokens":1,"prompt_cache_hit_tokens":8}}',
      { input: 9, output: 1, cacheRead: 8 },
    ],
    [
      'embeddings that only tell the total',
      'OpenAI',
      'application/json',
      '{"usage":{"total_tokens":12}}',
      { input: 12 },
    ],
    [
      'a transcription',
      'OpenAI',
      'text/event-stream',
      'data: {"type":"transcript.text.done","text":"a","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":5,"total_tokens":19}}\n\n',
      { input: 14, output: 5, inputAudio: 14 },
    ],
    [
      'chat with sound',
      'OpenAI',
      'application/json',
      '{"usage":{"prompt_tokens":4,"completion_tokens":9,"completion_tokens_details":{"audio_tokens":7}}}',
      { input: 4, output: 9, outputAudio: 7 },
    ],
    [
      'a message that thought',
      'Anthropic',
      'application/json',
      '{"usage":{"input_tokens":3,"output_tokens":4,"output_tokens_details":{"thinking_tokens":2}}}',
      { input: 3, output: 4, reasoning: 2 },
    ],
    [
      'Gemini',
      'Gemini',
      'application/json; charset=UTF-8',
      JSON.stringify(GEMINI_CHUNKS[1], undefined, 2),
      GEMINI_COUNTS,
    ],
    [
      'a stream of Gemini as an array',
      'Gemini',
      'application/json',
      JSON.stringify(GEMINI_CHUNKS, undefined, 1),
      GEMINI_COUNTS,
    ],
    [
      'a stream of Gemini as events',
      'Gemini',
      'text/event-stream',
      GEMINI_CHUNKS.map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`).join(''),
      GEMINI_COUNTS,
    ],
    [
      'an interaction',
      'Gemini',
      'text/event-stream',
      GEMINI_INTERACTION,
      { input: 7, output: 10, reasoning: 2, cacheRead: 1, inputAudio: 5 },
    ],
    [
      'Cohere',
      'Cohere',
      'application/json',
      '{"usage":{"billed_units":{"input_tokens":5,"output_tokens":6}}}',
      { input: 5, output: 6 },
    ],
    [
      'embeddings of Cohere',
      'Cohere',
      'application/json',
      '{"embeddings":{},"meta":{"billed_units":{"input_tokens":5}}}',
      { input: 5 },
    ],
    [
      'a stream of Cohere',
      'Cohere',
      'text/event-stream',
      COHERE_STREAM,
      { input: 67, output: 3, cacheRead: 5 },
    ],
    [
      'lines of Cohere',
      'Cohere',
      'application/stream+json; charset=utf-8',
      COHERE_LINES,
      { input: 70, output: 11 },
    ],
    [
      'lines of Cohere by another name',
      'Cohere',
      'application/x-ndjson',
      COHERE_LINES,
      { input: 70, output: 11 },
    ],
    [
      'Bedrock, which counts the cache beside the input',
      'Bedrock',
      'application/json',
      '{"usage":{"inputTokens":9,"outputTokens":294,"totalTokens":1670,"cacheReadInputTokens":0,"cacheWriteInputTokens":1367}}',
      { input: 1376, output: 294, cacheRead: 0, cacheWrite: 1367 },
    ],
    [
      'Claude on Bedrock',
      'Bedrock',
      'application/json',
      '{"usage":{"input_tokens":3,"output_tokens":4}}',
      { input: 3, output: 4 },
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
    ['sound by the second', '{"text":"a","usage":{"type":"duration","seconds":3}}'],
  ])('counts nothing in %s', (_, body) => {
    expect(count('OpenAI', 'application/json', body)).toBeUndefined();
    expect(count('OpenAI', 'application/json', body, 1)).toBeUndefined();
  });

  test('looks at no other media type', () => {
    expect(createUsageObserver('OpenAI', 'audio/mpeg')).toBeUndefined();
    expect(createUsageObserver('OpenAI', '')).toBeUndefined();
    expect(createUsageObserver('OpenAI', 'application/jsonp')).toBeUndefined();
  });

  test.each<[string, UsageFormat, string, string, string | undefined]>([
    ['a chat completion', 'OpenAI', 'application/json', XAI, 'grok-4'],
    [
      'events',
      'Gemini',
      'text/event-stream',
      `data: ${JSON.stringify(GEMINI_CHUNKS[0])}\r\n\r\n`,
      'gemini-3-pro',
    ],
    ['an interaction', 'Gemini', 'text/event-stream', GEMINI_INTERACTION, 'gemini-3-flash'],
    [
      'a message',
      'Anthropic',
      'text/event-stream',
      'data: {"type":"message_start","message":{"model":"claude-x"}}\n\n',
      'claude-x',
    ],
    [
      'a response',
      'OpenAI',
      'text/event-stream',
      'data: {"response":{"model":"ft:gpt:o@1/2"}}\n\n',
      'ft:gpt:o@1/2',
    ],
    ['no model', 'OpenAI', 'application/json', '{"a":{"model":"m"},"choices":[{"model":"n"}]}', undefined],
    ['a model with a space', 'OpenAI', 'application/json', '{"model":"a b"}', undefined],
    ['a model that is too long', 'OpenAI', 'application/json', `{"model":"${'m'.repeat(129)}"}`, undefined],
  ])('reads the model of %s', (_, format, type, body, model) => {
    for (const size of [1, 5, 1000]) expect(observed(format, type, body, size)?.model()).toBe(model);
  });

  test('any JSON in an answer counts nothing, unless it is usage', () => {
    const formats = fc.constantFrom<UsageFormat>('OpenAI', 'Anthropic', 'Gemini', 'Cohere', 'Bedrock');
    const looksLikeUsage =
      '"usage":{"input_tokens":5,"prompt_tokens":5},"usageMetadata":{"promptTokenCount":5}';
    fc.assert(
      fc.property(
        formats,
        fc.jsonValue(),
        fc.boolean(),
        fc.integer({ min: 1, max: 50 }),
        (format, value, isStream, size) => {
          const text = JSON.stringify({
            data: value,
            note: looksLikeUsage,
            inner: { usage: { input_tokens: 5 } },
          });
          const [type, body] = isStream
            ? ['text/event-stream', `data: ${text}\n\n`]
            : ['application/json', text];
          expect(observed(format, type, body, size)?.counts()).toBeUndefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  describe('estimate', () => {
    const events = (...data: unknown[]): string =>
      data.map((item) => `data: ${JSON.stringify(item)}\n\n`).join('');
    const delta = (content: string): unknown => ({ model: 'm', choices: [{ index: 0, delta: { content } }] });

    test('guesses nothing at the answers of Cohere that have text and no usage', () => {
      const body = '{"text":"detokenized","meta":{"api_version":{"version":"1"}}}';
      expect(observed('Cohere', 'application/json', body, 100)?.estimate()).toBeUndefined();
    });

    test('takes every byte of Google’s binary answers for text', () => {
      for (const size of [1, 100]) {
        const observer = observed('Gemini', 'application/x-protobuf', 'x'.repeat(41), size);
        expect([observer?.counts(), observer?.estimate()]).toEqual([undefined, { output: 11 }]);
      }
    });

    test.each<[string, UsageFormat, string, TokenCounts | undefined]>([
      [
        'text, four bytes a token, rounded up',
        'OpenAI',
        events(delta('four'), delta('five!')),
        { output: 3 },
      ],
      ['nothing where nothing was said', 'OpenAI', events({ id: 'x', choices: [] }), undefined],
      [
        'what was reported, where it was',
        'OpenAI',
        `${events(delta('x'.repeat(80)))}${CHAT_USAGE}`,
        { input: 1, output: 2 },
      ],
      [
        'responses',
        'OpenAI',
        events({ type: 'response.output_text.delta', delta: 'x'.repeat(8) }),
        { output: 2 },
      ],
      [
        'arguments of tools',
        'OpenAI',
        events({ choices: [{ delta: { tool_calls: [{ function: { arguments: '{"a":' } }] } }] }),
        { output: 2 },
      ],
      [
        'messages, whose first output count is a placeholder',
        'Anthropic',
        events(
          { type: 'message_start', message: { usage: { input_tokens: 25, output_tokens: 1 } } },
          { type: 'content_block_delta', delta: { type: 'text_delta', text: 'x'.repeat(40) } },
          { type: 'content_block_delta', delta: { type: 'thinking_delta', thinking: 'x'.repeat(4) } },
        ),
        { input: 25, output: 11 },
      ],
      [
        'Gemini',
        'Gemini',
        events({
          candidates: [{ content: { parts: [{ text: 'x'.repeat(8) }] } }],
          usageMetadata: { promptTokenCount: 3 },
        }),
        { input: 3, output: 2 },
      ],
      [
        'Cohere',
        'Cohere',
        COHERE_STREAM.slice(0, COHERE_STREAM.indexOf('event: message-end')),
        { output: 1 },
      ],
    ])('%s', (_, format, body, expected) => {
      for (const size of [1, 9, 10_000])
        expect(observed(format, 'text/event-stream', body, size)?.estimate()).toEqual(expected);
    });

    test('lines of Cohere, whose end repeats the text', () => {
      const estimate = (text: string): TokenCounts | undefined =>
        observed('Cohere', 'application/stream+json', text, 7)?.estimate();
      const withoutEnd = COHERE_LINES.slice(0, COHERE_LINES.indexOf('"meta":{"api_version"'));
      expect(estimate(withoutEnd)).toEqual({ output: 4 });
      expect(estimate(COHERE_LINES)).toEqual({ input: 70, output: 11 });
    });

    test('the last count of a message stream is no placeholder', () => {
      expect(observed('Anthropic', 'text/event-stream', ANTHROPIC_STREAM, 100)?.estimate()).toEqual({
        input: 175,
        output: 15,
        cacheRead: 50,
        cacheWrite: 100,
        cacheWriteHour: 40,
      });
    });
  });
});
