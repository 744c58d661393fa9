// Asks for the usage of a streamed chat completion where the client did not: providers leave it out otherwise.
import { readTopLevel, type ValueSpan } from './top-level.ts';

const OPTIONS = 'stream_options';
const INCLUDE = 'include_usage';
const WANTED = new Set(['stream', OPTIONS]);
const WANTED_OPTIONS = new Set([INCLUDE]);
const OPEN_BRACE = 0x7b;

/**
 * Adds `stream_options.include_usage: true` to a chat-completions body with `"stream": true`; every other byte stays. A client
 * that says true or false itself gets its way, unless `insist`.
 *
 * @param insist A budget is to be kept: false counts as little as nothing, and what only some servers take for true or for an option
 *   is made certain.
 * @returns the same bytes if nothing was added; if something was, its answer needs the usage chunk remover
 * @throws SeksError SEKS_BODY_MALFORMED if the body is not one JSON object, or has one of the keys twice
 */
export function addIncludeUsage(bytes: Buffer, insist = false): { bytes: Buffer; added: boolean } {
  const spans = readTopLevel(bytes, WANTED);
  const stream = spans.get('stream');
  if (stream === undefined || !streams(textOf(bytes, stream), insist)) return { bytes, added: false };
  const options = spans.get(OPTIONS);
  if (options === undefined)
    return insert(bytes, stream.end, stream.end, `,"${OPTIONS}":{"${INCLUDE}":true}`);
  if (bytes[options.start] === OPEN_BRACE) return addToOptions(bytes, options, insist);
  // The provider will say what it thinks of options that are no object.
  if (!insist && textOf(bytes, options) !== 'null') return { bytes, added: false };
  return insert(bytes, options.start, options.end, `{"${INCLUDE}":true}`);
}

function streams(text: string, insist: boolean): boolean {
  return insist ? text !== 'false' && text !== 'null' : text === 'true';
}

function addToOptions(bytes: Buffer, options: ValueSpan, insist: boolean): { bytes: Buffer; added: boolean } {
  const inner = bytes.subarray(options.start, options.end);
  const include = readTopLevel(inner, WANTED_OPTIONS).get(INCLUDE);
  if (include === undefined) {
    const comma = /^\{[ \t\r\n]*\}$/.test(inner.toString('latin1', 0, Math.min(inner.length, 64))) ? '' : ',';
    return insert(bytes, options.start + 1, options.start + 1, `"${INCLUDE}":true${comma}`);
  }
  const said = textOf(inner, include);
  if (said === 'true' || (said !== 'null' && !insist)) return { bytes, added: false };
  return insert(bytes, options.start + include.start, options.start + include.end, 'true');
}

/** `text` in place of the bytes from `start` to `end` */
function insert(bytes: Buffer, start: number, end: number, text: string): { bytes: Buffer; added: boolean } {
  const parts = [bytes.subarray(0, start), Buffer.from(text), bytes.subarray(end)];
  return { bytes: Buffer.concat(parts), added: true };
}

/** the text of a short value, to compare it with a literal */
function textOf(bytes: Buffer, { start, end }: ValueSpan): string {
  return bytes.toString('latin1', start, Math.min(end, start + 8));
}
