// How a body of each media type is read: which of its bytes are JSON, and where one JSON text ends and the next begins.
import { EventStreamFrames } from './event-stream-frames.ts';
import type { JsonPathScanner } from './json-path-scanner.ts';

/** takes the chunks of a body as they pass */
export type BodyReader = (chunk: Buffer) => void;

/** JSON, and the types of texts that follow each other (Cohere's first chat API streams so), which the scanner reads as well */
const JSON_TYPE = /^application\/(?:(?:[\w.-]+\+)?json|(?:x-)?ndjson) *(?:;|$)/i;
const EVENTS_TYPE = /^text\/event-stream *(?:;|$)/i;
const AWS_EVENTS_TYPE = /^application\/vnd\.amazon\.eventstream *(?:;|$)/i;
const PROTOBUF_TYPE = /^application\/x-protobuf *(?:;|$)/i;
const LINE_FEED = 0x0a;
const DATA = Buffer.from('data:');
const BYTES_KEY = Buffer.from('"bytes"');

/** a reader that feeds the scanner, or undefined for a media type that carries no usage */
export function createBodyReader(contentType: string, scanner: JsonPathScanner): BodyReader | undefined {
  if (JSON_TYPE.test(contentType)) return (chunk) => scanner.feed(chunk);
  if (EVENTS_TYPE.test(contentType)) return createLineReader(scanner);
  if (AWS_EVENTS_TYPE.test(contentType)) return createFrameReader(scanner);
  // Google's `alt=proto`: without names to go by, all of it may be what the model wrote.
  if (PROTOBUF_TYPE.test(contentType)) return (chunk) => void (scanner.textBytes += chunk.length);
  return undefined;
}

/** feeds the scanner with what follows `data:` on each line; an event of these APIs is one line */
function createLineReader(scanner: JsonPathScanner): BodyReader {
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

/** feeds the scanner with the payload of each frame */
function createFrameReader(scanner: JsonPathScanner): BodyReader {
  const frames = new EventStreamFrames((bytes, start, end) => {
    const payload = bytes.subarray(start, end);
    scanner.reset();
    scanner.feed(modelsOwnJson(payload) ?? payload);
  });
  return (chunk) => frames.push(chunk);
}

/** InvokeModelWithResponseStream wraps what the model says: `{"bytes":"<base64>","p":"<padding>"}` */
function modelsOwnJson(payload: Buffer): Buffer | undefined {
  if (!payload.includes(BYTES_KEY)) return undefined;
  try {
    const { bytes } = JSON.parse(payload.toString()) as { bytes?: unknown };
    return typeof bytes === 'string' ? Buffer.from(bytes, 'base64') : undefined;
  } catch {
    return undefined;
  }
}
