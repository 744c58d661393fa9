// Token counts as the SDKs tell them to an agent, in one set of words, to compare them with what the sidecar metered.

export interface TokenPair {
  readonly input: number;
  readonly output: number;
}

/** in the order in which they are looked for; spellings of one count never stand side by side */
const INPUT = ['prompt_tokens', 'input_tokens', 'inputTokens', 'promptTokenCount', 'prompt_token_count'];
/** Bedrock tells them beside the input; for the sidecar they are a part of it */
const CACHED = ['cacheReadInputTokens', 'cacheWriteInputTokens'];
const OUTPUT = [
  'completion_tokens',
  'output_tokens',
  'outputTokens',
  'candidatesTokenCount',
  'candidates_token_count',
  'responseTokenCount',
  'response_token_count',
];

/** undefined: the fact says nothing of input; an embedding has no output */
export function tokenPair(usage: unknown): TokenPair | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  // Cohere has them one level deeper.
  const counts = ((usage as { tokens?: object }).tokens ?? usage) as Readonly<Record<string, unknown>>;
  const input = firstNumber(counts, INPUT);
  if (input === undefined) return undefined;
  const cached = CACHED.reduce((sum, name) => sum + (firstNumber(counts, [name]) ?? 0), 0);
  return { input: input + cached, output: firstNumber(counts, OUTPUT) ?? 0 };
}

/** the pairs that are in `told` more often than in `metered` */
export function missingPairs(told: readonly TokenPair[], metered: readonly TokenPair[]): TokenPair[] {
  const left = metered.map(pairKey);
  return told.filter((pair) => {
    const at = left.indexOf(pairKey(pair));
    if (at !== -1) left.splice(at, 1);
    return at === -1;
  });
}

function pairKey({ input, output }: TokenPair): string {
  return `${input}/${output}`;
}

function firstNumber(
  counts: Readonly<Record<string, unknown>>,
  names: readonly string[],
): number | undefined {
  return names.map((name) => counts[name]).find((value) => typeof value === 'number');
}
