// What the providers' `usage` objects mean, in one set of words for metrics and audit.

/** token counts of one request; absent: not reported */
export interface TokenCounts {
  /** all input, whether or not it came from or went to a cache */
  input?: number;
  /** all output, reasoning included */
  output?: number;
  /** part of the input that was read from a cache */
  cacheRead?: number;
  /** part of the input that was written to a cache */
  cacheWrite?: number;
  /** part of the output that was reasoning */
  reasoning?: number;
}

export type UsageFormat = 'OpenAI' | 'Anthropic';
type UsageObject = Readonly<Record<string, unknown>>;

const MAX_PLAUSIBLE_TOKENS = 1e12;

/** collects the usage objects of one answer; counts are cumulative in streams, so the last of each field stands */
export class UsageCollector {
  readonly #format: UsageFormat;
  /** input without cached tokens, which Anthropic reports apart */
  #input: number | undefined;
  #output: number | undefined;
  #cacheRead: number | undefined;
  #cacheWrite: number | undefined;
  #reasoning: number | undefined;

  constructor(format: UsageFormat) {
    this.#format = format;
  }

  add(usage: UsageObject): void {
    if (this.#format === 'Anthropic') this.#addAnthropic(usage);
    else this.#addOpenAi(usage);
  }

  /** counts so far; undefined if nothing was reported */
  counts(): TokenCounts | undefined {
    const counts: TokenCounts = {};
    const cached = this.#format === 'Anthropic' ? (this.#cacheRead ?? 0) + (this.#cacheWrite ?? 0) : 0;
    if (this.#input !== undefined) counts.input = this.#input + cached;
    if (this.#output !== undefined) counts.output = this.#output;
    if (this.#cacheRead !== undefined) counts.cacheRead = this.#cacheRead;
    if (this.#cacheWrite !== undefined) counts.cacheWrite = this.#cacheWrite;
    if (this.#reasoning !== undefined) counts.reasoning = this.#reasoning;
    return Object.keys(counts).length === 0 ? undefined : counts;
  }

  #addAnthropic(usage: UsageObject): void {
    this.#input = count(usage['input_tokens']) ?? this.#input;
    this.#output = count(usage['output_tokens']) ?? this.#output;
    this.#cacheRead = count(usage['cache_read_input_tokens']) ?? this.#cacheRead;
    this.#cacheWrite = count(usage['cache_creation_input_tokens']) ?? this.#cacheWrite;
  }

  // Chat completions and embeddings say prompt and completion, responses say input and output.
  #addOpenAi(usage: UsageObject): void {
    this.#input = count(usage['input_tokens']) ?? count(usage['prompt_tokens']) ?? this.#input;
    this.#output = count(usage['output_tokens']) ?? count(usage['completion_tokens']) ?? this.#output;
    const input = details(usage['input_tokens_details']) ?? details(usage['prompt_tokens_details']);
    const output = details(usage['output_tokens_details']) ?? details(usage['completion_tokens_details']);
    this.#cacheRead = count(input?.['cached_tokens']) ?? this.#cacheRead;
    this.#cacheWrite = count(input?.['cache_write_tokens']) ?? this.#cacheWrite;
    this.#reasoning = count(output?.['reasoning_tokens']) ?? this.#reasoning;
  }
}

function count(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 && value <= MAX_PLAUSIBLE_TOKENS
    ? Math.round(value)
    : undefined;
}

function details(value: unknown): UsageObject | undefined {
  return typeof value === 'object' && value !== null ? (value as UsageObject) : undefined;
}
