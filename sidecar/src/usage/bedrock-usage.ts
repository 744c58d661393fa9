// What is special about usage on Bedrock: models of many vendors answer there, each in its vendor's language, and Bedrock counts
// each call itself besides, in headers or in the last event of a stream.
import type { JsonObject } from './json-path-scanner.ts';

/** the member of a stream's last event; like Converse it counts the cache beside the input (InvokeModelWithResponseStream) */
export const INVOCATION_METRICS = 'amazon-bedrock-invocationMetrics';

/** headers of InvokeModel, by the names that the invocation metrics have for the same counts */
const HEADERS: ReadonlyMap<string, string> = new Map([
  ['x-amzn-bedrock-input-token-count', 'inputTokenCount'],
  ['x-amzn-bedrock-output-token-count', 'outputTokenCount'],
  ['x-amzn-bedrock-cache-read-input-token-count', 'cacheReadInputTokenCount'],
  ['x-amzn-bedrock-cache-write-input-token-count', 'cacheWriteInputTokenCount'],
]);
const COUNT = /^\d{1,12}$/;

/**
 * the counts that an answer's headers tell, in the words of the invocation metrics
 *
 * @param headers names and values in turn
 */
export function usageInHeaders(headers: readonly string[]): JsonObject {
  const usage: Record<string, number> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = HEADERS.get(headers[i]?.toLowerCase() ?? '');
    const value = headers[i + 1] ?? '';
    if (name !== undefined && COUNT.test(value)) usage[name] = Number(value);
  }
  return usage;
}

/** members that are in OpenAI's usage objects, and never in Amazon's or Anthropic's */
const OPENAI_MEMBERS = ['prompt_tokens', 'completion_tokens', 'total_tokens', 'input_tokens_details'];

/** Whether a usage object is in OpenAI's language. It matters: OpenAI counts the cache within the input, Amazon and Anthropic beside it. */
export function isOpenAiUsage(usage: JsonObject): boolean {
  return OPENAI_MEMBERS.some((member) => member in usage);
}
