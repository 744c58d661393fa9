// Watches an answer's body pass and reads the token usage out of it, without changing, delaying or keeping a byte.
import { INVOCATION_METRICS, isOpenAiUsage, usageInHeaders } from './bedrock-usage.ts';
import { createBodyReader } from './body-reader.ts';
import { JsonPathScanner } from './json-path-scanner.ts';
import { isModelName } from './model-name.ts';
import { largerCounts, type TokenCounts, type UsageFormat } from './token-counts.ts';
import { tokensOf } from './untold-usage.ts';
import { countsOf, readUsage, type UsageFields } from './usage-fields.ts';
import { ANSWER_PATHS } from './usage-paths.ts';

/** reads usage out of the body of one answer */
export interface UsageObserver {
  observe: (chunk: Buffer) => void;
  /** what the provider reported so far */
  counts(): TokenCounts | undefined;
  /** the model that the provider says it used */
  model(): string | undefined;
  /**
   * The best guess for an answer that broke off, or that never reports: what was reported, but where the output is not
   * known, a token for each four bytes of text seen, rounded up. Text is the strings that the model wrote (content, reasoning,
   * refusals, arguments of tools), as they stand in JSON. Undefined if there was neither usage nor text.
   */
  estimate(): TokenCounts | undefined;
}

const WHOLE_JSON = /^application\/json *(?:;|$)/i;
/** Anthropic's first word: the input is final, the output a placeholder */
const PROVISIONAL = 'message.usage';

/**
 * an observer for the media type, or undefined if nothing tells usage
 *
 * @param headers of the answer, names and values in turn
 */
export function createUsageObserver(
  format: UsageFormat,
  contentType: string,
  headers: readonly string[] = [],
): UsageObserver | undefined {
  const fields: UsageFields = {};
  /** whose words `fields` are in */
  let language = format;
  /** What Bedrock counted itself. A model's own words may say nothing, or leave out the cache. */
  const aside: UsageFields = {};
  if (format === 'Bedrock') readUsage(format, usageInHeaders(headers), aside);
  let outputKnown = false;
  let model: string | undefined;
  const scanner = new JsonPathScanner(ANSWER_PATHS[format], {
    object(name, usage) {
      if (name === INVOCATION_METRICS) {
        readUsage(format, usage, aside);
        return;
      }
      if (format === 'Bedrock' && isOpenAiUsage(usage)) language = 'OpenAI';
      readUsage(language, usage, fields);
      outputKnown = fields.output !== undefined && name !== PROVISIONAL;
    },
    string(_, text) {
      if (text !== model && isModelName(text)) model = text;
    },
  });
  const observe = createBodyReader(contentType, scanner);
  // Cohere's chats do; what else has a text (detokenized, transcribed) was not written by a model.
  const alwaysTells = format === 'Cohere' && WHOLE_JSON.test(contentType);
  const counts = (): TokenCounts | undefined =>
    largerCounts(countsOf(language, fields), countsOf(format, aside));
  if (observe === undefined && counts() === undefined) return undefined;
  return {
    observe: observe ?? (() => undefined),
    counts,
    model: () => model,
    estimate() {
      const known = counts();
      if (outputKnown || aside.output !== undefined || scanner.textBytes === 0 || alwaysTells) return known;
      const guess = tokensOf({ text: scanner.textBytes, media: 0 }).all;
      return { ...known, output: Math.max(known?.output ?? 0, guess) };
    },
  };
}
