// How much a request asks, for an answer that does not tell: a guess by its length, in which pictures and files count for less.
import { compilePaths } from './json-paths.ts';
import { JsonPathScanner } from './json-path-scanner.ts';
import { tokensOf } from './untold-usage.ts';

/** where requests of all formats hold base64; as text, because the scanner counts that */
const MEDIA_PATHS = compilePaths(
  [
    // Chat completions, Anthropic, Bedrock.
    ...['image_url', 'file_data', 'data', 'bytes'].map((name) => ['messages', '**', name]),
    ['messages', '**', 'image_url', 'url'],
    // Responses.
    ...['image_url', 'file_data', 'data'].map((name) => ['input', '**', name]),
    // Gemini.
    ['contents', '**', 'data'],
  ].map((path) => ({ path, take: 'text' })),
);
/** what nobody has read and is longer than any but the longest prompts is mostly pictures and files */
const MAX_UNREAD_TEXT_BYTES = 256 * 1024;

/** a guess at the tokens of a request whose body was read */
export function guessOfBody(body: Buffer): number {
  const scanner = new JsonPathScanner(MEDIA_PATHS, {});
  scanner.feed(body);
  const media = scanner.textBytes;
  return tokensOf({ text: body.length - media, media }).all;
}

/** a guess at the tokens of a request of which only the length is known, in bytes */
export function guessOfLength(bytes: number): number {
  const text = Math.min(bytes, MAX_UNREAD_TEXT_BYTES);
  return tokensOf({ text, media: bytes - text }).all;
}
