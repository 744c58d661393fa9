// What clients ask the bench's upstream for, and what it answers. The model's name in the body decides, because every contender
// passes the body on.
import { TIME_MARK } from '../load/event-times.ts';

export const EVENTS_PER_SECOND = 50;
/** of the bench itself: breaks off all endless streams */
export const END_STREAMS_PATH = '/bench/end-streams';

/** kinds of answers by the model that asks for them */
export const MODELS = {
  kilobyte: 'gpt-bench-1k',
  kilobytes64: 'gpt-bench-64k',
  mebibyte: 'gpt-bench-1m',
  /** three events at once */
  shortStream: 'gpt-bench-short',
  /** events until the client goes away */
  endlessStream: 'gpt-bench-endless',
} as const;

export type Kind = keyof typeof MODELS;

const MODEL_MARK = 'gpt-bench-';
const TIME_DIGITS = 16;
const JSON_BYTES = { kilobyte: 1024, kilobytes64: 65_536, mebibyte: 1_048_576 } as const;
/** what stands around the text */
const REQUEST_OVERHEAD_BYTES = 70;
const ANSWER_OVERHEAD_BYTES = 250;

/** body of a chat completion request of about so many bytes */
export function requestBody(kind: Kind, bytes = 1024): string {
  const stream = kind === 'shortStream' || kind === 'endlessStream';
  return JSON.stringify({
    model: MODELS[kind],
    ...(stream ? { stream: true } : {}),
    messages: [{ role: 'user', content: filler(bytes - REQUEST_OVERHEAD_BYTES) }],
  });
}

/** what a request body asks for */
export function kindOf(body: Buffer): Kind {
  const at = body.indexOf(MODEL_MARK);
  const name = body.toString('latin1', at, at + 24);
  const found = (Object.keys(MODELS) as Kind[]).find((kind) => name.startsWith(`${MODELS[kind]}"`));
  if (found === undefined) throw new RangeError('the body names no model of the bench');
  return found;
}

/** a whole chat completion of a size */
export function completion(kind: keyof typeof JSON_BYTES): string {
  return JSON.stringify({
    id: 'chatcmpl-bench',
    object: 'chat.completion',
    created: 1_700_000_000,
    model: MODELS[kind],
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: filler(JSON_BYTES[kind] - ANSWER_OVERHEAD_BYTES) },
        finish_reason: 'stop',
      },
    ],
    usage: { prompt_tokens: 200, completion_tokens: 180, total_tokens: 380 },
  });
}

/** one event of a stream, in the chunked coding */
export function eventChunk(nowUs: number): string {
  const time = TIME_MARK + String(Math.round(nowUs)).padStart(TIME_DIGITS, '0') + TIME_MARK;
  const data = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: MODELS.endlessStream,
    choices: [
      {
        index: 0,
        delta: { role: 'assistant', content: `${time} and some words of a model` },
        finish_reason: null,
      },
    ],
  };
  return chunk(`data: ${JSON.stringify(data)}\n\n`);
}

/** the end of a stream, with its usage */
export function lastChunks(): string {
  const usage = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: MODELS.shortStream,
    choices: [{ index: 0, delta: {}, finish_reason: 'stop' }],
    usage: { prompt_tokens: 200, completion_tokens: 20, total_tokens: 220 },
  };
  return `${chunk(`data: ${JSON.stringify(usage)}\n\ndata: [DONE]\n\n`)}0\r\n\r\n`;
}

function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** words, because a long run of one letter is easier on every scanner than text is */
function filler(bytes: number): string {
  const words = 'The quick brown fox jumps over the lazy dog, and then it rests a while. ';
  return words.repeat(Math.ceil(bytes / words.length)).slice(0, bytes);
}
