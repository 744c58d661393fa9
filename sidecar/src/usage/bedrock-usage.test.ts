import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';

import { converseStream, frame, invokeStream } from '../testing/event-stream.ts';
import type { TokenCounts } from './token-counts.ts';
import { createUsageObserver, type UsageObserver } from './usage-observer.ts';

const AWS_EVENTS = 'application/vnd.amazon.eventstream';
const JSON_TYPE = 'application/json';
const SIZES = [1, 2, 7, 64, 1000, Number.MAX_SAFE_INTEGER];

function observed(type: string, body: Buffer | string, size: number, headers?: string[]): UsageObserver {
  const observer = createUsageObserver('Bedrock', type, headers);
  if (observer === undefined) throw new Error('there is no observer');
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += size) observer.observe(bytes.subarray(at, at + size));
  return observer;
}

function events(...data: readonly object[]): string {
  return data.map((item) => `data: ${JSON.stringify(item)}\n\n`).join('');
}

const METRICS = 'amazon-bedrock-invocationMetrics';
const CLAUDE = [
  {
    type: 'message_start',
    message: {
      model: 'claude-sonnet-4-5',
      usage: {
        input_tokens: 7,
        cache_creation_input_tokens: 2238,
        cache_read_input_tokens: 14_486,
        cache_creation: { ephemeral_1h_input_tokens: 38 },
        output_tokens: 1,
      },
    },
  },
  { type: 'content_block_delta', delta: { type: 'text_delta', text: 'é "usage":{}'.repeat(5) } },
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 126 } },
];
const CLAUDE_METRICS = {
  type: 'message_stop',
  [METRICS]: {
    inputTokenCount: 7,
    outputTokenCount: 126,
    invocationLatency: 4069,
    firstByteLatency: 1117,
    cacheReadInputTokenCount: 14_486,
    cacheWriteInputTokenCount: 2238,
  },
};
const CLAUDE_COUNTS = {
  input: 16_731,
  output: 126,
  cacheRead: 14_486,
  cacheWrite: 2238,
  cacheWriteHour: 38,
};
const LLAMA = [
  { generation: 'Hel', prompt_token_count: 11, generation_token_count: 1 },
  { generation: 'lo', generation_token_count: 2, [METRICS]: { inputTokenCount: 11, outputTokenCount: 2 } },
];
const CONVERSE = [
  { role: 'assistant', p: 'abc' },
  { contentBlockIndex: 0, delta: { text: 'hello' }, p: 'ab' },
  { contentBlockIndex: 1, delta: { image: { format: 'png', source: { bytes: 'eyJ1c2FnZSI6e319' } } } },
  { stopReason: 'end_turn' },
  {
    metrics: { latencyMs: 5 },
    usage: {
      inputTokens: 9,
      outputTokens: 29,
      totalTokens: 1438,
      cacheReadInputTokens: 33,
      cacheWriteInputTokens: 1367,
      cacheDetails: [
        { inputTokens: 1000, ttl: '1h' },
        { inputTokens: 367, ttl: '5m' },
      ],
    },
  },
];
const NOVA = [
  { contentBlockDelta: { delta: { text: 'hi' }, contentBlockIndex: 0 } },
  {
    metadata: {
      usage: { inputTokens: 5, outputTokens: 3, cacheReadInputTokenCount: 12, cacheWriteInputTokenCount: 0 },
    },
    [METRICS]: { inputTokenCount: 5, outputTokenCount: 3, cacheReadInputTokenCount: 12 },
  },
];
const NOVA_SONIC = [1, 2].map((turn) => ({
  event: {
    usageEvent: {
      details: {
        delta: { input: { speechTokens: 10 }, output: { speechTokens: 20 } },
        total: {
          input: { speechTokens: 10 * turn, textTokens: turn },
          output: { speechTokens: 20 * turn, textTokens: turn },
        },
      },
      totalInputTokens: 11 * turn,
      totalOutputTokens: 21 * turn,
    },
  },
}));

const CHAT_USAGE = {
  prompt_tokens: 100,
  completion_tokens: 20,
  total_tokens: 120,
  prompt_tokens_details: { cached_tokens: 64 },
  completion_tokens_details: { reasoning_tokens: 5 },
};
const CHAT_COUNTS = { input: 100, output: 20, cacheRead: 64, reasoning: 5 };
const RESPONSE = {
  model: 'openai.gpt-oss-120b',
  output: [{ content: [{ type: 'output_text', text: 'hi' }] }],
  usage: {
    input_tokens: 50,
    input_tokens_details: { cached_tokens: 40 },
    output_tokens: 6,
    output_tokens_details: { reasoning_tokens: 2 },
    total_tokens: 56,
  },
};
const RESPONSE_COUNTS = { input: 50, output: 6, cacheRead: 40, reasoning: 2 };

describe('usage on Bedrock', () => {
  test.each<[string, string, Buffer | string, TokenCounts | undefined]>([
    [
      'ConverseStream',
      AWS_EVENTS,
      converseStream(...CONVERSE),
      { input: 1409, output: 29, cacheRead: 33, cacheWrite: 1367, cacheWriteHour: 1000 },
    ],
    ['Claude, counted twice', AWS_EVENTS, invokeStream(...CLAUDE, CLAUDE_METRICS), CLAUDE_COUNTS],
    ['Claude, whose stream broke off', AWS_EVENTS, invokeStream(...CLAUDE), CLAUDE_COUNTS],
    [
      'Claude, where only the metrics know the cache',
      AWS_EVENTS,
      invokeStream({ message: { usage: { input_tokens: 7, output_tokens: 1 } } }, CLAUDE_METRICS),
      { input: 16_731, output: 126, cacheRead: 14_486, cacheWrite: 2238 },
    ],
    [
      'Claude, where the metrics leave out the cache',
      AWS_EVENTS,
      invokeStream(...CLAUDE, { [METRICS]: { inputTokenCount: 7, outputTokenCount: 126 } }),
      CLAUDE_COUNTS,
    ],
    ['a stream of Llama', AWS_EVENTS, invokeStream(...LLAMA), { input: 11, output: 2 }],
    [
      'a stream of Nova',
      AWS_EVENTS,
      invokeStream(...NOVA),
      { input: 17, output: 3, cacheRead: 12, cacheWrite: 0 },
    ],
    [
      'Nova Sonic, whose totals grow',
      AWS_EVENTS,
      invokeStream(...NOVA_SONIC),
      { input: 22, output: 42, inputAudio: 20, outputAudio: 40 },
    ],
    [
      "a stream in OpenAI's language, whose cache is part of the input",
      AWS_EVENTS,
      invokeStream(
        { choices: [{ delta: { content: 'hi' } }], usage: null },
        {
          choices: [],
          usage: CHAT_USAGE,
          [METRICS]: { inputTokenCount: 36, outputTokenCount: 20, cacheReadInputTokenCount: 64 },
        },
      ),
      CHAT_COUNTS,
    ],
    ['a chat completion', JSON_TYPE, JSON.stringify({ usage: CHAT_USAGE }), CHAT_COUNTS],
    [
      'chat completions',
      'text/event-stream',
      events({ choices: [{ delta: { content: 'hi' } }] }, { choices: [], usage: CHAT_USAGE }),
      CHAT_COUNTS,
    ],
    ['a response', JSON_TYPE, JSON.stringify(RESPONSE), RESPONSE_COUNTS],
    [
      'responses',
      'text/event-stream',
      events(
        { type: 'response.created', response: { usage: null } },
        { type: 'response.output_text.delta', delta: 'hi' },
        { type: 'response.completed', response: RESPONSE },
      ),
      RESPONSE_COUNTS,
    ],
    ['events of Claude', 'text/event-stream', events(...CLAUDE), CLAUDE_COUNTS],
    ['an error within a stream', AWS_EVENTS, converseStream({ message: 'Too many tokens' }), undefined],
    [
      'what follows a payload that is no JSON',
      AWS_EVENTS,
      Buffer.concat([frame('{"bytes":"eyJ1c2'), frame('{"a":{"b":"'), invokeStream(...LLAMA)]),
      { input: 11, output: 2 },
    ],
  ])('reads %s', (_, type, body, expected) => {
    for (const size of SIZES) expect(observed(type, body, size).counts()).toEqual(expected);
  });

  test('reads models', () => {
    const claude = observed(AWS_EVENTS, invokeStream(...CLAUDE), 5);
    expect(claude.model()).toBe('claude-sonnet-4-5');
    expect(observed(JSON_TYPE, JSON.stringify(RESPONSE), 5).model()).toBe('openai.gpt-oss-120b');
  });

  test.each<[string, Buffer, TokenCounts | undefined]>([
    ['Converse', converseStream(...CONVERSE.slice(0, -1)), { output: 2 }],
    ['a tool', converseStream({ delta: { toolUse: { input: '{"a":1}' } } }), { output: 3 }],
    ['thoughts', converseStream({ delta: { reasoningContent: { text: 'hmm' } } }), { output: 1 }],
    ['Claude', invokeStream(...CLAUDE.slice(0, -1)), { ...CLAUDE_COUNTS, output: 19 }],
    ['Llama', invokeStream(...LLAMA.slice(0, -1)), { output: 1 }],
    ['Nova', invokeStream(...NOVA.slice(0, -1)), { output: 1 }],
    ['chat completions', invokeStream({ choices: [{ delta: { content: 'hello' } }] }), { output: 2 }],
    ['Titan', invokeStream({ outputText: 'hello' }), { output: 2 }],
    ['Mistral', invokeStream({ outputs: [{ text: 'hello' }] }), { output: 2 }],
    [
      'what was counted',
      invokeStream({ generation: 'x'.repeat(80) }, ...LLAMA.slice(1)),
      { input: 11, output: 2 },
    ],
  ])('estimates a stream that broke off: %s', (_, body, expected) => {
    for (const size of SIZES) expect(observed(AWS_EVENTS, body, size).estimate()).toEqual(expected);
  });

  describe('in headers', () => {
    const header = (name: string, value: string): string[] => [`X-Amzn-Bedrock-${name}-Token-Count`, value];
    const told = [...header('Input', '11'), ...header('Output', '2')];
    const cached = [...header('Cache-Read-Input', '30'), ...header('Cache-Write-Input', '4')];

    test.each<[string, string, string[], TokenCounts | undefined]>([
      ['the body is silent', '{"generation":"hi","prompt_token_count":11}', told, { input: 11, output: 2 }],
      [
        'the cache is beside the input',
        '{}',
        [...told, ...cached],
        { input: 45, output: 2, cacheRead: 30, cacheWrite: 4 },
      ],
      [
        'both tell the same',
        '{"usage":{"input_tokens":11,"cache_read_input_tokens":30,"cache_creation_input_tokens":4,"output_tokens":2}}',
        [...told, ...cached],
        { input: 45, output: 2, cacheRead: 30, cacheWrite: 4 },
      ],
      ['the body tells a part', '{"usage":{"prompt_tokens":11}}', told, { input: 11, output: 2 }],
      ['they are no numbers', '{}', [...header('Input', '-1'), ...header('Output', '1e3'), 'x'], undefined],
    ])('where %s', (_, body, headers, expected) => {
      expect(observed(JSON_TYPE, body, 3, headers).counts()).toEqual(expected);
      expect(observed(JSON_TYPE, body, 3, headers).estimate()).toEqual(expected ?? undefined);
    });

    test('whatever the media type', () => {
      const observer = observed('image/png', '{"usage":{"input_tokens":99}}', 3, told);
      expect(observer.counts()).toEqual({ input: 11, output: 2 });
      expect(createUsageObserver('Bedrock', 'image/png', ['x-request-id', '1'])).toBeUndefined();
    });

    test('of no other provider', () => {
      expect(createUsageObserver('OpenAI', JSON_TYPE, told)?.counts()).toBeUndefined();
    });
  });

  test('S7: no stream breaks it, and text counts nothing', () => {
    const stream = fc.array(fc.jsonValue()).map((values) =>
      values.map((value) => ({
        delta: { text: JSON.stringify({ usage: { inputTokens: 5 }, value }) },
        data: value,
      })),
    );
    fc.assert(
      fc.property(stream, fc.boolean(), fc.integer({ min: 1, max: 90 }), (list, isWrapped, size) => {
        const body = isWrapped ? invokeStream(...list) : converseStream(...list);
        expect(observed(AWS_EVENTS, body, size).counts()).toBeUndefined();
        body.reverse();
        expect(() => observed(AWS_EVENTS, body, size).estimate()).not.toThrow();
      }),
      { numRuns: 200 },
    );
  });
});
