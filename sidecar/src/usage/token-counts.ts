// Token counts in one set of words for metrics, limits and audit, whatever a provider calls them.

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
  /** part of what was written to a cache that it keeps for an hour, and not for minutes */
  cacheWriteHour?: number;
  /** part of the output that was reasoning */
  reasoning?: number;
  /** part of the input that was sound */
  inputAudio?: number;
  /** part of the output that was sound */
  outputAudio?: number;
}

/** how a provider reports usage */
export type UsageFormat = 'OpenAI' | 'Anthropic' | 'Gemini' | 'Cohere' | 'Bedrock';

export const TOKEN_KINDS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWriteHour',
  'reasoning',
  'inputAudio',
  'outputAudio',
] as const satisfies readonly (keyof TokenCounts)[];

/** the sum of both; a count that only one has is that one's */
export function addCounts(
  left: TokenCounts | undefined,
  right: TokenCounts | undefined,
): TokenCounts | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  const sum: TokenCounts = {};
  for (const kind of TOKEN_KINDS) {
    const [a, b] = [left[kind], right[kind]];
    if (a !== undefined || b !== undefined) sum[kind] = (a ?? 0) + (b ?? 0);
  }
  return sum;
}

/** of two reports on the same request the larger of each count; a count that only one has is that one's */
export function largerCounts(
  left: TokenCounts | undefined,
  right: TokenCounts | undefined,
): TokenCounts | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  const larger: TokenCounts = { ...left, ...right };
  for (const kind of TOKEN_KINDS) {
    const [a, b] = [left[kind], right[kind]];
    if (a !== undefined && b !== undefined) larger[kind] = Math.max(a, b);
  }
  return larger;
}
