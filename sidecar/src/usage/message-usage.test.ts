import { describe, expect, test } from '@jest/globals';

import { createMessageUsage } from './message-usage.ts';
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
