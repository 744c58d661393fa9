// Vectors and rankings of the simple APIs. The numbers follow from the texts, so that one answer can be told from another.
import { countTokens, jsonModel, textOf } from './provider-stub.ts';
import { jsonReply } from './reply.ts';
import { heard, type RestCall } from './rest-call.ts';
import type { MakeReply } from './generic-answers.ts';

export const EMBEDDING_SIZE = 8;

export function vectorOf(text: string): number[] {
  return Array.from({ length: EMBEDDING_SIZE }, (_, index) => (text.length + index) / 100);
}

function inputTexts(call: RestCall): string[] {
  const input = call.json?.['input'] ?? call.json?.['texts'] ?? call.json?.['inputs'];
  return Array.isArray(input) ? input.map(String) : [textOf(input)];
}

const tokensOf = (texts: readonly string[]): number =>
  texts.reduce((sum, text) => sum + countTokens(text), 0);

/** OpenAI's format, which most take; OpenAI's own SDK asks for the numbers as base64 */
function openaiVectors(call: RestCall, usage: (tokens: number) => Record<string, number>) {
  const texts = inputTexts(call);
  const asBase64 = call.json?.['encoding_format'] === 'base64';
  const data = texts.map((text, index) => ({
    object: 'embedding',
    index,
    embedding: asBase64
      ? Buffer.from(new Float32Array(vectorOf(text)).buffer).toString('base64')
      : vectorOf(text),
  }));
  const model = jsonModel(call) ?? '';
  return { object: 'list', data, model: heard(call, model, model), usage: usage(tokensOf(texts)) };
}

export const openaiEmbeddings: MakeReply = (call) =>
  jsonReply({
    id: call.newId('embd-'),
    ...openaiVectors(call, (tokens) => ({ prompt_tokens: tokens, total_tokens: tokens })),
  });

/** Voyage tells one number */
export const voyageEmbeddings: MakeReply = (call) =>
  jsonReply(openaiVectors(call, (tokens) => ({ total_tokens: tokens })));

export const cohereEmbed: MakeReply = (call) => {
  const texts = inputTexts(call);
  return jsonReply({
    id: call.newId(''),
    embeddings: { float: texts.map(vectorOf) },
    texts,
    meta: { api_version: { version: '2' }, billed_units: { input_tokens: tokensOf(texts) } },
    response_type: 'embeddings_by_type',
  });
};

/** Hugging Face answers with the numbers alone */
export const featureExtraction: MakeReply = (call) => jsonReply(inputTexts(call).map(vectorOf));

/** the longest text first */
function ranking(call: RestCall): { index: number; relevance_score: number }[] {
  const documents = call.json?.['documents'];
  const lengths = (Array.isArray(documents) ? documents.map(String) : []).map((text) => text.length);
  return lengths
    .map((length, index) => ({ index, relevance_score: Math.min(length, 100) / 100 }))
    .toSorted((a, b) => b.relevance_score - a.relevance_score);
}

export const cohereRerank: MakeReply = (call) =>
  jsonReply({
    id: call.newId(''),
    results: ranking(call),
    meta: { api_version: { version: '2' }, billed_units: { search_units: 1 } },
  });

export const voyageRerank: MakeReply = (call) =>
  jsonReply({
    object: 'list',
    data: ranking(call),
    model: jsonModel(call) ?? '',
    usage: { total_tokens: 12 },
  });
