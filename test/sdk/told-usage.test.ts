import { expect, test } from '@jest/globals';
import { missingPairs, tokenPair } from './told-usage.ts';

test.each([
  ['OpenAI chat', { prompt_tokens: 3, completion_tokens: 9, total_tokens: 12 }, { input: 3, output: 9 }],
  ['OpenAI responses', { input_tokens: 3, output_tokens: 9 }, { input: 3, output: 9 }],
  ['OpenAI embeddings', { prompt_tokens: 4, total_tokens: 4 }, { input: 4, output: 0 }],
  ['the AI SDK', { inputTokens: 3, outputTokens: 9 }, { input: 3, output: 9 }],
  ['Gemini', { promptTokenCount: 3, candidatesTokenCount: 9 }, { input: 3, output: 9 }],
  ['Gemini Live in Python', { prompt_token_count: 3, response_token_count: 9 }, { input: 3, output: 9 }],
  ['Cohere', { tokens: { input_tokens: 3, output_tokens: 9 } }, { input: 3, output: 9 }],
  [
    'Bedrock with its cache',
    { inputTokens: 3, outputTokens: 9, cacheReadInputTokens: 7, cacheWriteInputTokens: 5 },
    { input: 15, output: 9 },
  ],
  ['something else', { total_tokens: 3 }, undefined],
  ['nothing', undefined, undefined],
])('%s', (_name, usage, pair) => {
  expect(tokenPair(usage)).toEqual(pair);
});

test('a pair counts as often as it is there', () => {
  const [a, b] = [
    { input: 1, output: 2 },
    { input: 3, output: 4 },
  ];
  expect(missingPairs([a, a, b], [b, a])).toEqual([a]);
  expect(missingPairs([a], [b, a, a])).toEqual([]);
});
