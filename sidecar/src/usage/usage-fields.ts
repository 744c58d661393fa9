// What the fields of the providers' usage objects mean. Within one answer a provider reports again and again, each time the
// total so far, so the last value of each field stands; null and nonsense leave the one before.
import type { JsonObject } from './json-path-scanner.ts';
import type { TokenCounts, UsageFormat } from './token-counts.ts';

/** the fields as the provider counts them; what they add up to differs from one to the next */
export interface UsageFields extends TokenCounts {
  /** input of tools, which Gemini counts beside the prompt */
  toolInput?: number;
  /** input and output together */
  total?: number;
}

const MAX_PLAUSIBLE_TOKENS = 1e12;

/** takes the fields that one usage object reports over into `fields` */
export function readUsage(format: UsageFormat, usage: JsonObject, fields: UsageFields): void {
  READERS[format](usage, (name, ...values) => {
    const value = values.map(count).find((value) => value !== undefined);
    if (value !== undefined) fields[name] = value;
  });
}

/** what the fields add up to; undefined if there are none */
export function countsOf(format: UsageFormat, fields: UsageFields): TokenCounts | undefined {
  const { toolInput, total, ...counts } = fields;
  if (format === 'Anthropic' || format === 'Bedrock') {
    // Both report what went through the cache beside the input.
    if (counts.input !== undefined) counts.input += (counts.cacheRead ?? 0) + (counts.cacheWrite ?? 0);
  } else if (format === 'Gemini') {
    if (toolInput !== undefined) counts.input = (counts.input ?? 0) + toolInput;
    if (counts.reasoning !== undefined) counts.output = (counts.output ?? 0) + counts.reasoning;
  } else if (total !== undefined && counts.input === undefined && counts.output === undefined) {
    // Embeddings of some providers report nothing else.
    counts.input = total;
  } else if (total !== undefined && counts.input !== undefined && counts.output !== undefined) {
    // xAI, and Gemini where it speaks OpenAI's language, count reasoning beside the completion; the total tells.
    counts.output = Math.max(counts.output, total - counts.input);
  }
  return Object.keys(counts).length === 0 ? undefined : counts;
}

type Put = (name: keyof UsageFields, ...values: readonly unknown[]) => void;

const READERS: Readonly<Record<UsageFormat, (usage: JsonObject, put: Put) => void>> = {
  // Chat completions and embeddings say prompt and completion, responses, images and realtime say input and output.
  OpenAI(usage, put) {
    const input = objectOf(
      usage['input_tokens_details'] ?? usage['input_token_details'] ?? usage['prompt_tokens_details'],
    );
    const output = objectOf(
      usage['output_tokens_details'] ?? usage['output_token_details'] ?? usage['completion_tokens_details'],
    );
    put('input', usage['input_tokens'], usage['prompt_tokens']);
    put('output', usage['output_tokens'], usage['completion_tokens']);
    put('total', usage['total_tokens']);
    // The second is DeepSeek's.
    put('cacheRead', input['cached_tokens'], usage['prompt_cache_hit_tokens']);
    put('cacheWrite', input['cache_write_tokens']);
    put('reasoning', output['reasoning_tokens']);
    put('inputAudio', input['audio_tokens']);
    put('outputAudio', output['audio_tokens']);
  },
  Anthropic: readAnthropic,
  // Of generateContent (camel case; Live says response for candidates), and of interactions (snake case).
  Gemini(usage, put) {
    put('input', usage['promptTokenCount'], usage['total_input_tokens']);
    put('toolInput', usage['toolUsePromptTokenCount'], usage['total_tool_use_tokens']);
    put('output', usage['candidatesTokenCount'], usage['responseTokenCount'], usage['total_output_tokens']);
    put('reasoning', usage['thoughtsTokenCount'], usage['total_thought_tokens']);
    put('cacheRead', usage['cachedContentTokenCount'], usage['total_cached_tokens']);
    put('inputAudio', audioOf(usage['promptTokensDetails'] ?? usage['input_tokens_by_modality']));
    put(
      'outputAudio',
      audioOf(
        usage['candidatesTokensDetails'] ??
          usage['responseTokensDetails'] ??
          usage['output_tokens_by_modality'],
      ),
    );
  },
  Cohere(usage, put) {
    const tokens = objectOf(usage['tokens']);
    const billed = objectOf(usage['billed_units']);
    put('input', tokens['input_tokens'], billed['input_tokens']);
    put('output', tokens['output_tokens'], billed['output_tokens']);
    put('cacheRead', usage['cached_tokens']);
  },
  // Claude's JSON is Anthropic's. The names with `Count` are those of Bedrock's own metrics, and of Nova.
  Bedrock(usage, put) {
    readAnthropic(usage, put);
    put('input', usage['inputTokens'], usage['inputTokenCount'], usage['totalInputTokens']);
    put('output', usage['outputTokens'], usage['outputTokenCount'], usage['totalOutputTokens']);
    put('cacheRead', usage['cacheReadInputTokens'], usage['cacheReadInputTokenCount']);
    put('cacheWrite', usage['cacheWriteInputTokens'], usage['cacheWriteInputTokenCount']);
    put('cacheWriteHour', writtenForAnHour(usage['cacheDetails']));
    // Nova Sonic's.
    const total = objectOf(objectOf(usage['details'])['total']);
    put('inputAudio', objectOf(total['input'])['speechTokens']);
    put('outputAudio', objectOf(total['output'])['speechTokens']);
  },
};

function readAnthropic(usage: JsonObject, put: Put): void {
  put('input', usage['input_tokens']);
  put('output', usage['output_tokens']);
  put('cacheRead', usage['cache_read_input_tokens']);
  put('cacheWrite', usage['cache_creation_input_tokens']);
  put('cacheWriteHour', objectOf(usage['cache_creation'])['ephemeral_1h_input_tokens']);
  put('reasoning', objectOf(usage['output_tokens_details'])['thinking_tokens']);
}

function writtenForAnHour(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined;
  const detail = details.map(objectOf).find(({ ttl }) => ttl === '1h');
  return count(detail?.['inputTokens']);
}

function audioOf(details: unknown): number | undefined {
  if (!Array.isArray(details)) return undefined;
  for (const detail of details) {
    const { modality, tokenCount, tokens } = objectOf(detail);
    if (typeof modality === 'string' && modality.toUpperCase() === 'AUDIO')
      return count(tokenCount ?? tokens);
  }
  return undefined;
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_PLAUSIBLE_TOKENS
    ? Math.round(value)
    : undefined;
}

function objectOf(value: unknown): JsonObject {
  return typeof value === 'object' && value !== null ? (value as JsonObject) : {};
}
