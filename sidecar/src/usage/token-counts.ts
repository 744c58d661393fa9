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
  readonly #fields = new Map<string, number>();

  constructor(format: UsageFormat) {
    this.#format = format;
  }

  add(usage: UsageObject): void {
    this.#take(usage, '');
    // OpenAI: prompt_tokens_details.cached_tokens and the like; Groq and others follow.
    for (const [name, value] of Object.entries(usage)) {
      if (name.endsWith('_tokens_details') && typeof value === 'object' && value !== null) {
        this.#take(value as UsageObject, `${name}.`);
      }
    }
  }

  /** counts so far; undefined if nothing was reported */
  counts(): TokenCounts | undefined {
    if (this.#fields.size === 0) return undefined;
    return this.#format === 'Anthropic' ? this.#anthropic() : this.#openai();
  }

  #take(object: UsageObject, prefix: string): void {
    for (const [name, value] of Object.entries(object)) {
      if (typeof value !== 'number' || !(value >= 0 && value <= MAX_PLAUSIBLE_TOKENS)) continue;
      if (this.#fields.size < 64) this.#fields.set(prefix + name, Math.round(value));
    }
  }

  // Anthropic reports cached input apart from input_tokens.
  #anthropic(): TokenCounts {
    const [cacheRead, cacheWrite] = [
      this.#first('cache_read_input_tokens'),
      this.#first('cache_creation_input_tokens'),
    ];
    const fresh = this.#first('input_tokens');
    const input = fresh === undefined ? undefined : fresh + (cacheRead ?? 0) + (cacheWrite ?? 0);
    return defined({ input, output: this.#first('output_tokens'), cacheRead, cacheWrite });
  }

  // Chat completions and embeddings say prompt and completion, responses say input and output.
  #openai(): TokenCounts {
    return defined({
      input: this.#first('input_tokens', 'prompt_tokens'),
      output: this.#first('output_tokens', 'completion_tokens'),
      cacheRead: this.#first('input_tokens_details.cached_tokens', 'prompt_tokens_details.cached_tokens'),
      cacheWrite: this.#first(
        'input_tokens_details.cache_write_tokens',
        'prompt_tokens_details.cache_write_tokens',
      ),
      reasoning: this.#first(
        'output_tokens_details.reasoning_tokens',
        'completion_tokens_details.reasoning_tokens',
      ),
    });
  }

  #first(...names: string[]): number | undefined {
    for (const name of names) {
      const value = this.#fields.get(name);
      if (value !== undefined) return value;
    }
    return undefined;
  }
}

function defined(counts: { [K in keyof TokenCounts]: number | undefined }): TokenCounts {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== undefined));
}
