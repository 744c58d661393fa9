// Watches an answer's body pass and reads the token usage out of it, without changing, delaying or keeping a byte.
import { JsonPathScanner } from './json-path-scanner.ts';
import { isModelName } from './model-name.ts';
import type { TokenCounts, UsageFormat } from './token-counts.ts';
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

const LINE_FEED = 0x0a;
const DATA = Buffer.from('data:');
const TEXT_BYTES_PER_TOKEN = 4;
/** Anthropic's first word: the input is final, the output a placeholder */
const PROVISIONAL = 'message.usage';

/** an observer for the media type, or undefined if it carries no usage */
export function createUsageObserver(format: UsageFormat, contentType: string): UsageObserver | undefined {
  const type = mediaTypeOf(contentType);
  if (type === undefined) return undefined;
  const fields: UsageFields = {};
  let outputKnown = false;
  let model: string | undefined;
  const scanner = new JsonPathScanner(ANSWER_PATHS[format], {
    object(name, usage) {
      readUsage(format, usage, fields);
      outputKnown = fields.output !== undefined && name !== PROVISIONAL;
    },
    string(_, text) {
      if (text !== model && isModelName(text)) model = text;
    },
  });
  return {
    observe: type === 'json' ? (chunk) => scanner.feed(chunk) : createLineReader(scanner),
    counts: () => countsOf(format, fields),
    model: () => model,
    estimate() {
      const counts = countsOf(format, fields);
      if (outputKnown || scanner.textBytes === 0) return counts;
      const guess = Math.ceil(scanner.textBytes / TEXT_BYTES_PER_TOKEN);
      return { ...counts, output: Math.max(counts?.output ?? 0, guess) };
    },
  };
}

function mediaTypeOf(contentType: string): 'json' | 'events' | undefined {
  if (/^application\/json *(?:;|$)/i.test(contentType)) return 'json';
  return /^text\/event-stream *(?:;|$)/i.test(contentType) ? 'events' : undefined;
}

/** feeds the scanner with what follows `data:` on each line; an event of these APIs is one line */
function createLineReader(scanner: JsonPathScanner): (chunk: Buffer) => void {
  // How much of `data:` the current line has shown so far; -1: it is another line.
  let matched = 0;
  return (chunk) => {
    let position = 0;
    while (position < chunk.length) {
      const feed = chunk.indexOf(LINE_FEED, position);
      const end = feed === -1 ? chunk.length : feed;
      while (matched >= 0 && matched < DATA.length && position < end) {
        matched = chunk[position] === DATA[matched] ? matched + 1 : -1;
        position += 1;
      }
      if (matched === DATA.length) scanner.feed(chunk, position, end);
      if (feed === -1) return;
      scanner.reset();
      matched = 0;
      position = end + 1;
    }
  };
}
