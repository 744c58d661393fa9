// Usage of OpenAI's realtime and responses APIs, told in their messages.
import { type JsonObject, JsonPathScanner } from './json-path-scanner.ts';
import type { MessageUsage } from './message-usage.ts';
import { isModelName } from './model-name.ts';
import { addCounts, type TokenCounts } from './token-counts.ts';
import { UntoldUsage } from './untold-usage.ts';
import { countsOf, readUsage, type UsageFields } from './usage-fields.ts';
import { ASKING_PATHS, MESSAGE_PATHS } from './usage-paths.ts';

/** the ends of a response, of realtime and of the responses API */
const RESPONSE_ENDS = new Set([
  'response.done',
  'response.completed',
  'response.incomplete',
  'response.failed',
]);
const RESPONSE_BEGINS = 'response.created';
const ASKS_FOR_RESPONSE = 'response.create';
const SOUND = /^response\.(?:output_)?audio\.delta$/;
/** of another model, which transcribes what the user says, at a price of its own */
const TRANSCRIBED = 'conversation.item.input_audio_transcription.completed';
/** reports of a live session, each the total so far; what it delegates is reported as responses within `response.event` */
const SESSION_TOTALS = new Set(['session.usage.updated', 'session.closed']);

/** a reader for one connection */
export function createOpenAiMessages(): MessageUsage {
  let done: TokenCounts | undefined;
  let guessed: TokenCounts | undefined;
  const session: UsageFields = {};
  let model: string | undefined;
  let type = '';
  let eventType = '';
  /** responses that began and have not ended */
  let open = 0;
  let isAsked = false;
  const untold = new UntoldUsage();
  /** `type` may follow usage in a message, so both are looked at in the end */
  const found = new Map<string, JsonObject>();
  const scanner = new JsonPathScanner(MESSAGE_PATHS.OpenAI, {
    object: (name, usage) => void found.set(name, usage),
    string(name, text) {
      if (name === 'type') type = text;
      else if (name === 'event.type') eventType = text;
      else if (text !== model && isModelName(text)) model = text;
    },
  });
  const measure = createAskedReader();
  const add = (name: string): TokenCounts | undefined => {
    const fields: UsageFields = {};
    readUsage('OpenAI', found.get(name) ?? {}, fields);
    const counts = countsOf('OpenAI', fields);
    done = addCounts(done, counts);
    return counts;
  };
  const end = (counts: TokenCounts | undefined): void => {
    open = Math.max(0, open - 1);
    // Servers that report nothing are no licence to use what they like.
    if (counts === undefined && untold.isAnswered) guessed = addCounts(guessed, untold.counts());
    if (open > 0 && counts !== undefined) untold.told(counts);
    else untold.clear();
    isAsked &&= open > 0;
  };
  return {
    observe(text) {
      type = '';
      eventType = '';
      found.clear();
      const before = scanner.textBytes;
      scanner.reset();
      scanner.feed(text);
      const bytes = scanner.textBytes - before;
      const isPassedOn = type === 'response.event';
      const event = isPassedOn ? eventType : type;
      if (RESPONSE_ENDS.has(event)) end(add(isPassedOn ? 'event.response.usage' : 'response.usage'));
      else if (event === RESPONSE_BEGINS) open += 1;
      else if (type === TRANSCRIBED) add('usage');
      else if (SESSION_TOTALS.has(type)) readUsage('OpenAI', found.get('usage') ?? {}, session);
      else if (bytes > 0 && event.startsWith('response.')) {
        open = Math.max(open, 1);
        untold.said(SOUND.test(event) ? { text: 0, media: bytes } : { text: bytes, media: 0 });
      }
    },
    asked(text) {
      const { type: wish, media } = measure(text);
      untold.asked({ text: text.length - media, media });
      // What cannot be read may be read by the provider.
      if (wish === undefined || wish === ASKS_FOR_RESPONSE) isAsked = true;
    },
    counts: () => addCounts(done, countsOf('OpenAI', session)),
    estimate() {
      const told = addCounts(addCounts(done, countsOf('OpenAI', session)), guessed);
      return isAsked || open > 0 ? addCounts(told, untold.counts()) : told;
    },
    model: () => model,
  };
}

function createAskedReader(): (text: Buffer) => { type: string | undefined; media: number } {
  let type: string | undefined;
  const scanner = new JsonPathScanner(ASKING_PATHS.OpenAI, { string: (_, text) => void (type = text) });
  return (text) => {
    type = undefined;
    const before = scanner.textBytes;
    scanner.reset();
    scanner.feed(text);
    return { type, media: scanner.textBytes - before };
  };
}
