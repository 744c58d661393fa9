import { describe, expect, test } from '@jest/globals';

import { createMessageUsage } from './message-readers.ts';
import type { TokenCounts, UsageFormat } from './token-counts.ts';

function observe(format: UsageFormat, messages: readonly unknown[]) {
  const usage = createMessageUsage(format);
  for (const message of messages) usage?.observe(Buffer.from(JSON.stringify(message)));
  return usage;
}

const REALTIME_USAGE = {
  total_tokens: 253,
  input_tokens: 132,
  output_tokens: 121,
  input_token_details: { text_tokens: 119, audio_tokens: 13, cached_tokens: 64 },
  output_token_details: { text_tokens: 30, audio_tokens: 91 },
};

describe('createMessageUsage', () => {
  test.each<[string, UsageFormat, unknown[], TokenCounts | undefined]>([
    [
      'realtime: responses and transcriptions add up',
      'OpenAI',
      [
        { type: 'session.created', session: { model: 'gpt-realtime' } },
        { type: 'response.created', response: { usage: null } },
        {
          type: 'response.done',
          response: { output: [{ usage: { input_tokens: 9 } }], usage: REALTIME_USAGE },
        },
        { response: { usage: { input_tokens: 1, output_tokens: 2 } }, type: 'response.done' },
        {
          type: 'conversation.item.input_audio_transcription.completed',
          usage: {
            type: 'tokens',
            input_tokens: 20,
            output_tokens: 5,
            input_token_details: { audio_tokens: 20 },
          },
        },
      ],
      { input: 153, output: 128, cacheRead: 64, inputAudio: 33, outputAudio: 91 },
    ],
    [
      'nothing of a message counts for the next',
      'OpenAI',
      [
        { type: 'response.done', response: { usage: { input_tokens: 1 } } },
        { type: 'response.done', response: {} },
        { type: 'response.created', response: { usage: { input_tokens: 1 } } },
        { type: 'response.done', response: {} },
        { response: { usage: { input_tokens: 1 } } },
      ],
      { input: 1 },
    ],
    [
      'responses: each end counts, what comes before does not',
      'OpenAI',
      [
        { type: 'response.in_progress', response: { usage: { input_tokens: 5 } } },
        { type: 'response.completed', response: { usage: { input_tokens: 5, output_tokens: 1 } } },
        { type: 'response.incomplete', response: { usage: { input_tokens: 6, output_tokens: 1 } } },
        { type: 'response.failed', response: { usage: { input_tokens: 7, output_tokens: 0 } } },
        { type: 'response.output_text.delta', delta: '"usage":{"input_tokens":5}' },
      ],
      { input: 18, output: 2 },
    ],
    [
      'live: totals of the session stand beside the responses that it delegates',
      'OpenAI',
      [
        { type: 'session.usage.updated', usage: { seconds: 2, input_tokens: 10 } },
        { type: 'session.usage.updated', usage: { seconds: 3, input_tokens: 15 } },
        {
          type: 'response.event',
          event: { type: 'response.completed', response: { usage: { input_tokens: 3, output_tokens: 4 } } },
        },
      ],
      { input: 18, output: 4 },
    ],
    [
      'live: seconds are no tokens',
      'OpenAI',
      [{ type: 'session.usage.updated', usage: { seconds: 2 } }],
      undefined,
    ],
    [
      'Gemini: the last report of a turn stands, turns add up',
      'Gemini',
      [
        { setupComplete: {} },
        { serverContent: { modelTurn: {} }, usageMetadata: { promptTokenCount: 100, responseTokenCount: 3 } },
        { serverContent: { turnComplete: true } },
        { usageMetadata: { promptTokenCount: 143, responseTokenCount: 19 } },
        { serverContent: { modelTurn: {} } },
        {
          serverContent: { turnComplete: true },
          usageMetadata: {
            promptTokenCount: 181,
            responseTokenCount: 24,
            thoughtsTokenCount: 6,
            responseTokensDetails: [{ modality: 'AUDIO', tokenCount: 24 }],
          },
        },
      ],
      { input: 324, output: 49, reasoning: 6, outputAudio: 24 },
    ],
    [
      'Gemini: a turn of one message',
      'Gemini',
      [
        { serverContent: { turnComplete: true }, usageMetadata: { promptTokenCount: 1 } },
        { serverContent: { turnComplete: true }, usageMetadata: { promptTokenCount: 2 } },
      ],
      { input: 3 },
    ],
  ])('%s', (_, format, messages, expected) => {
    expect(observe(format, messages)?.counts()).toEqual(expected);
  });

  test('reads the model', () => {
    expect(
      observe('OpenAI', [{ type: 'session.created', session: { model: 'gpt-realtime' } }])?.model(),
    ).toBe('gpt-realtime');
  });

  test('what is not JSON counts nothing and breaks nothing', () => {
    const usage = createMessageUsage('OpenAI');
    usage?.observe(Buffer.from('{"type":"response.done","response":{"usage":{"input_tokens":1'));
    usage?.observe(Buffer.from([0xff, 0x00, 0x7b, 0x22]));
    expect(usage?.counts()).toBeUndefined();
    usage?.observe(Buffer.from('{"type":"response.done","response":{"usage":{"input_tokens":1}}}'));
    expect(usage?.counts()).toEqual({ input: 1 });
  });

  test('other formats have no WebSocket API', () => {
    expect(createMessageUsage('Anthropic')).toBeUndefined();
  });
});

describe('estimate', () => {
  type Step = ['asked' | 'said', unknown];
  function estimate(format: UsageFormat, steps: readonly Step[]): (TokenCounts | undefined)[] {
    const usage = createMessageUsage(format);
    for (const [side, message] of steps) {
      const bytes = Buffer.from(typeof message === 'string' ? message : JSON.stringify(message));
      if (side === 'asked') usage?.asked(bytes);
      else usage?.observe(bytes);
    }
    return [usage?.counts(), usage?.estimate()];
  }
  const create = { type: 'response.create', input: 'x'.repeat(359) };
  const begun = { type: 'response.created', response: { usage: null } };
  const delta = { type: 'response.output_text.delta', delta: 'y'.repeat(400) };
  const done = { type: 'response.done', response: { usage: { input_tokens: 7, output_tokens: 100 } } };
  const nothing = { setupComplete: {} };
  const speech = { serverContent: { modelTurn: { parts: [{ text: 'z'.repeat(80) }] } } };

  test.each<[string, UsageFormat, Step[], TokenCounts | undefined, TokenCounts | undefined]>([
    [
      'what was reported needs none',
      'OpenAI',
      [
        ['asked', create],
        ['said', begun],
        ['said', delta],
        ['said', done],
      ],
      { input: 7, output: 100 },
      { input: 7, output: 100 },
    ],
    [
      'an answer that broke off',
      'OpenAI',
      [
        ['asked', create],
        ['said', begun],
        ['said', delta],
      ],
      undefined,
      { input: 99, output: 100 },
    ],
    [
      'an answer whose beginning was not seen',
      'OpenAI',
      [['said', delta]],
      undefined,
      { input: 0, output: 100 },
    ],
    ['an answer that had not begun', 'OpenAI', [['asked', create]], undefined, { input: 99, output: 0 }],
    [
      'a question that cannot be read',
      'OpenAI',
      [['asked', 'x'.repeat(40)]],
      undefined,
      { input: 10, output: 0 },
    ],
    [
      'what was said stands beside what was reported',
      'OpenAI',
      [
        ['said', begun],
        ['said', done],
        ['said', begun],
        ['said', delta],
      ],
      { input: 7, output: 100 },
      { input: 7, output: 200 },
    ],
    [
      'one of two that run at once',
      'OpenAI',
      [
        ['said', begun],
        ['said', begun],
        ['said', delta],
        ['said', delta],
        ['said', done],
      ],
      { input: 7, output: 100 },
      { input: 7, output: 200 },
    ],
    [
      'an end that reports nothing',
      'OpenAI',
      [
        ['said', begun],
        ['said', delta],
        ['said', { type: 'response.done', response: {} }],
      ],
      undefined,
      { input: 0, output: 100 },
    ],
    [
      'an end without a word',
      'OpenAI',
      [
        ['asked', create],
        ['said', begun],
        ['said', { type: 'response.failed', response: {} }],
      ],
      undefined,
      undefined,
    ],
    [
      'a live session',
      'OpenAI',
      [['said', { type: 'response.event', event: delta }]],
      undefined,
      { input: 0, output: 100 },
    ],
    [
      'what asks for no answer',
      'OpenAI',
      [['asked', { type: 'session.update', session: {} }]],
      undefined,
      undefined,
    ],
    [
      'a transcript of what the user says',
      'OpenAI',
      [['said', { type: 'conversation.item.input_audio_transcription.delta', delta: 'y' }]],
      undefined,
      undefined,
    ],
    [
      'sound of the model',
      'OpenAI',
      [['said', { type: 'response.output_audio.delta', delta: 'A'.repeat(5120) }]],
      undefined,
      { input: 0, output: 10, outputAudio: 10 },
    ],
    [
      'sound of the user',
      'OpenAI',
      [
        ['asked', { type: 'input_audio_buffer.append', audio: 'A'.repeat(5120) }],
        ['said', begun],
      ],
      undefined,
      { input: 22, output: 0, inputAudio: 10 },
    ],
    [
      'Gemini: a turn that broke off',
      'Gemini',
      [
        ['asked', { setup: { model: 'm' } }],
        ['said', nothing],
        ['said', speech],
      ],
      undefined,
      { input: 6, output: 21, outputAudio: 1 },
    ],
    [
      'Gemini: a question without an answer',
      'Gemini',
      [['asked', { clientContent: { turns: 'x'.repeat(370) } }]],
      undefined,
      { input: 100, output: 0 },
    ],
    [
      'Gemini: a report covers what came before',
      'Gemini',
      [
        ['asked', { clientContent: {} }],
        ['said', speech],
        ['said', { usageMetadata: { promptTokenCount: 5, responseTokenCount: 6 } }],
      ],
      { input: 5, output: 6 },
      { input: 5, output: 6 },
    ],
    [
      'Gemini: what comes behind a report stands beside it',
      'Gemini',
      [
        ['asked', { clientContent: {} }],
        ['said', speech],
        ['said', { usageMetadata: { promptTokenCount: 5, responseTokenCount: 6 } }],
        ['said', speech],
      ],
      { input: 5, output: 6 },
      { input: 5, output: 27, outputAudio: 1 },
    ],
    [
      'Gemini: a setup, and an open microphone',
      'Gemini',
      [
        ['asked', { setup: {} }],
        ['asked', { realtimeInput: { audio: { data: 'AAAA' } } }],
      ],
      undefined,
      undefined,
    ],
    [
      'Gemini: a call of a tool',
      'Gemini',
      [['said', { toolCall: { functionCalls: [] } }]],
      undefined,
      { input: 0, output: 9 },
    ],
  ])('%s', (_, format, steps, counts, estimated) => {
    expect(estimate(format, steps)).toEqual([counts, estimated]);
  });
});
