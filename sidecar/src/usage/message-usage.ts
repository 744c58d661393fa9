// Reads token usage out of the provider's WebSocket messages. One connection carries many responses, each with a report of its
// own: within one response the last report stands, over all of them they add up.
import { type JsonObject, JsonPathScanner } from './json-path-scanner.ts';
import { isModelName } from './model-name.ts';
import { addCounts, type TokenCounts, type UsageFormat } from './token-counts.ts';
import { countsOf, readUsage, type UsageFields } from './usage-fields.ts';
import { MESSAGE_PATHS } from './usage-paths.ts';

/** reads usage out of the messages of one connection */
export interface MessageUsage {
  /** takes one whole message from the provider, in text or binary frames */
  observe(text: Buffer): void;
  /** the sum of all responses so far */
  counts(): TokenCounts | undefined;
  /** the model that the provider named last */
  model(): string | undefined;
}

/** a reader for one connection, or undefined if the format has no WebSocket API */
export function createMessageUsage(format: UsageFormat): MessageUsage | undefined {
  if (format === 'OpenAI') return createOpenAiMessages();
  return format === 'Gemini' ? createGeminiMessages() : undefined;
}

/** the ends of a response, of realtime and of the responses API */
const RESPONSE_ENDS = new Set([
  'response.done',
  'response.completed',
  'response.incomplete',
  'response.failed',
]);
/** of another model, which transcribes what the user says, at a price of its own */
const TRANSCRIBED = 'conversation.item.input_audio_transcription.completed';
/** reports of a live session, each the total so far; what it delegates is reported as responses within `response.event` */
const SESSION_TOTALS = new Set(['session.usage.updated', 'session.closed']);

function createOpenAiMessages(): MessageUsage {
  let done: TokenCounts | undefined;
  const session: UsageFields = {};
  let model: string | undefined;
  let type = '';
  let eventType = '';
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
  const add = (name: string): void => {
    const usage = found.get(name);
    if (usage === undefined) return;
    const fields: UsageFields = {};
    readUsage('OpenAI', usage, fields);
    done = addCounts(done, countsOf('OpenAI', fields));
  };
  return {
    observe(text) {
      type = '';
      eventType = '';
      scanner.reset();
      scanner.feed(text);
      if (found.size === 0) return;
      if (RESPONSE_ENDS.has(type)) add('response.usage');
      else if (type === 'response.event' && RESPONSE_ENDS.has(eventType)) add('event.response.usage');
      else if (type === TRANSCRIBED) add('usage');
      else if (SESSION_TOTALS.has(type)) readUsage('OpenAI', found.get('usage') ?? {}, session);
      found.clear();
    },
    counts: () => addCounts(done, countsOf('OpenAI', session)),
    model: () => model,
  };
}

/**
 * Live reports by turn, on any of a turn's messages, mostly on the one that completes it. So the last report of a turn stands
 * until the server speaks again after the turn was complete.
 */
function createGeminiMessages(): MessageUsage {
  let done: TokenCounts | undefined;
  let turn: UsageFields = {};
  let isTurnComplete = false;
  let speaks = false;
  let completes = false;
  let usage: JsonObject | undefined;
  const scanner = new JsonPathScanner(MESSAGE_PATHS.Gemini, {
    object: (_, found) => void (usage = found),
    presence(name) {
      speaks = true;
      if (name === 'serverContent.turnComplete') completes = true;
    },
  });
  return {
    observe(text) {
      speaks = false;
      completes = false;
      usage = undefined;
      scanner.reset();
      scanner.feed(text);
      if (speaks && isTurnComplete) {
        done = addCounts(done, countsOf('Gemini', turn));
        turn = {};
        isTurnComplete = false;
      }
      if (usage !== undefined) readUsage('Gemini', usage, turn);
      if (completes) isTurnComplete = true;
    },
    counts: () => addCounts(done, countsOf('Gemini', turn)),
    // The client names it, in its setup message.
    model: () => undefined,
  };
}
